import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { TaskLink } from "./findings";
import { count, duration, place, waitsFor } from "./format";
import { get, model, useModel } from "./model";
import type { Cancel, Event, TaskPage as Answer } from "./wire";

// The page of one task. It fetches the task's stack while it is open. For an ended task
// it shows what the event stream reported.

type Props = { id: number; onOpen: (id: number) => void; onClose: () => void };

export function TaskPage({ id, onOpen, onClose }: Props) {
  const m = useModel();
  const [answer, setAnswer] = useState<Answer | string>("");
  useEffect(() => {
    setAnswer("");
    let stopped = false;
    const ask = async () => {
      const a = await get<Answer>(`tasks/${id}`);
      if (!stopped) setAnswer(a);
    };
    void ask();
    const timer = setInterval(() => model.tasks.has(id) && ask(), 2000);
    return () => ((stopped = true), clearInterval(timer));
  }, [id]);

  const task = m.tasks.get(id) ?? (typeof answer === "object" && answer.task.id === id ? answer.task : undefined);
  const lane = m.history.lanes.get(id);
  const now = m.now();
  const last = m.ended.get(id);
  const end = last && last.time <= now ? last : undefined; // in a recording the end may be in the future
  const events = m.recording ? m.watchedEvents.filter((e) => e.time <= now) : m.watchedEvents;
  const stack = typeof answer === "object" && answer.stack;
  const findings = m.findings.filter((f) => f.tasks?.includes(id) || f.cycle?.includes(id));
  const wants = [...m.tasks.values()].filter((t) => t.waits?.holder === id);
  const link = (id: number) => <TaskLink key={id} id={id} onOpen={onOpen} />;
  return (
    <aside aria-label="Task" class="task">
      <button class="close" aria-label="Close" onClick={onClose}>
        ×
      </button>
      <h2>
        {task?.name ?? lane?.name ?? end?.name ?? "task"} <span class="quiet">#{id}</span>
      </h2>
      <p>
        <span class={`pill ${end?.outcome ?? task?.state}`}>{end ? (end.outcome ?? "ended") : (task?.state ?? (lane && lane.first > now ? "not created yet" : "ended"))}</span>{" "}
        {end?.error ?? waitsFor(task?.waits, now)}
      </p>
      {findings.map((f) => (
        <p class={f.severe ? "alarm" : "note warn"} key={f.text}>
          {f.text}
        </p>
      ))}
      <Why cancel={task?.cancel} end={end} asked={events.filter((e) => e.kind === "cancel asked")} />
      <dl>
        {task && <Line name="function">{place(task)}</Line>}
        {task?.waits?.tasks && <Line name="waits for">{task.waits.tasks.slice(0, 50).map(link)}</Line>}
        {task?.waits?.holder && <Line name="held by">{link(task.waits.holder)}</Line>}
        {task?.awaited_by && <Line name="awaited by">{task.awaited_by.slice(0, 50).map((a) => [link(a.task), a.via && <span class="via">{a.via}</span>])}</Line>}
        {wants.length > 0 && <Line name="blocks">{wants.slice(0, 50).map((t) => [link(t.id), <span class="via">{t.waits!.kind}</span>])}</Line>}
        {task?.blocks && (
          <Line name="inside">{task.blocks.map((b) => `${b.what || b.kind}${b.until ? `, expires in ${duration(b.until - now)}` : ""}`).join("; ")}</Line>
        )}
        {task?.group && <Line name="in the group of">{link(task.group)}</Line>}
        {task?.parent && <Line name="created by">{link(task.parent)}</Line>}
        {task?.steps !== undefined && (
          <Line name="run time">
            {duration(task.ran ?? 0)} in {count(task.steps, "step")}
          </Line>
        )}
        {task?.made && <Line name="created at">{task.made.slice(0, 5).map((f) => <div>{place(f)}</div>)}</Line>}
      </dl>
      <h3>Stack</h3>
      {stack && stack.frames?.length ? (
        <pre>{stack.frames.map((f) => `${f.func}\n    ${f.file}:${f.line}`).join("\n")}</pre>
      ) : (
        <p class="quiet">{(typeof answer === "string" && answer) || "No stack."}</p>
      )}
      <h3>History</h3>
      <table>
        <tbody>
          {events.slice(-100).reverse().map((e, i) => (
            <tr key={events.length - i}>
              <td class="quiet">{duration(e.time)}</td>
              <td>{e.kind}</td>
              <td>{detail(e)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {!events.length && <p class="quiet">No events since this page was opened.</p>}
    </aside>
  );
}

function Line({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

// Why shows why a task was cancelled: from the snapshot while the task is alive, later
// from its end event and the cancel requests before it.
function Why({ cancel, end, asked }: { cancel?: Cancel; end?: Event; asked: Event[] }) {
  if (!cancel && !asked.length && end?.outcome !== "cancelled") return null;
  return (
    <section class="why" aria-label="Why it was cancelled">
      <h3>Why it was cancelled</h3>
      {cancel && <p>{cancel.reason}</p>}
      {cancel?.pending && <p class="quiet">The task has not received the cancellation yet.</p>}
      {end?.outcome === "cancelled" && <p>{end.error}</p>}
      {asked.map((e, i) => (
        <p key={i}>
          {duration(e.time)}: requested by {e.by || "the program"}
          {e.message && <q>{e.message}</q>}
        </p>
      ))}
      {cancel?.through && <p class="quiet">through {cancel.through.join(", ")}</p>}
      {cancel?.place && <pre>{cancel.place.map(place).join("\n")}</pre>}
    </section>
  );
}

function detail(e: Event): string {
  if (e.kind === "suspended") return e.waits ? waitsFor(e.waits, e.time) : "ready again";
  return [e.by && `by ${e.by}`, e.message, e.outcome, e.error].filter(Boolean).join(", ");
}
