import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { TaskLink } from "./findings";
import { duration, place, waitsFor } from "./format";
import { get, model, useModel } from "./model";
import type { Cancel, Event, TaskPage as Answer } from "./wire";

// All that is known of one task. Its stack is asked for while the page is open; of one that has ended there is what
// the stream has told.

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
  const end = last && last.time <= now ? last : undefined; // a recording may know how it will end
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
        <span class={`pill ${end?.outcome ?? task?.state}`}>{end ? (end.outcome ?? "ended") : (task?.state ?? (lane && lane.first > now ? "not made yet" : "ended"))}</span>{" "}
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
        {wants.length > 0 && <Line name="has what is wanted by">{wants.slice(0, 50).map((t) => [link(t.id), <span class="via">{t.waits!.kind}</span>])}</Line>}
        {task?.blocks && (
          <Line name="inside of">{task.blocks.map((b) => `${b.what || b.kind}${b.until ? `, until ${duration(b.until - now)} from now` : ""}`).join("; ")}</Line>
        )}
        {task?.group && <Line name="in a group of">{link(task.group)}</Line>}
        {task?.parent && <Line name="made by">{link(task.parent)}</Line>}
        {task?.steps !== undefined && (
          <Line name="has run">
            {task.steps.toLocaleString("en")} steps, {duration(task.ran ?? 0)}
          </Line>
        )}
        {task?.made && <Line name="made at">{task.made.slice(0, 5).map((f) => <div>{place(f)}</div>)}</Line>}
      </dl>
      <h3>Stack</h3>
      {stack && stack.frames?.length ? (
        <pre>{stack.frames.map((f) => `${f.func}\n    ${f.file}:${f.line}`).join("\n")}</pre>
      ) : (
        <p class="quiet">{(typeof answer === "string" && answer) || "There is none."}</p>
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
      {!events.length && <p class="quiet">Nothing has happened to it since this page was opened.</p>}
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

// Why it was cancelled: from the picture while the task lives, and then from its end and the requests before it.
function Why({ cancel, end, asked }: { cancel?: Cancel; end?: Event; asked: Event[] }) {
  if (!cancel && !asked.length && end?.outcome !== "cancelled") return null;
  return (
    <section class="why" aria-label="Why it was cancelled">
      <h3>Why it was cancelled</h3>
      {cancel && <p>{cancel.reason}</p>}
      {cancel?.pending && <p class="quiet">It has not heard of it yet.</p>}
      {end?.outcome === "cancelled" && <p>{end.error}</p>}
      {asked.map((e, i) => (
        <p key={i}>
          {duration(e.time)}: asked by {e.by || "the program"}
          {e.message && <q>{e.message}</q>}
        </p>
      ))}
      {cancel?.through && <p class="quiet">by way of {cancel.through.join(", ")}</p>}
      {cancel?.place && <pre>{cancel.place.map(place).join("\n")}</pre>}
    </section>
  );
}

function detail(e: Event): string {
  if (e.kind === "suspended") return e.waits ? waitsFor(e.waits, e.time) : "ready again";
  return [e.by && `by ${e.by}`, e.message, e.outcome, e.error].filter(Boolean).join(", ");
}
