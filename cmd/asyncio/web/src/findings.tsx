import { duration } from "./format";
import { useModel } from "./model";
import type { Finding } from "./wire";
import type { ViewProps } from "./view";

// The findings: problems in the program, as sentences.

// Returns the tasks that findings concern, the tasks in wait cycles, and the edges of
// these cycles as "from-to".
export function wrongTasks(findings: Finding[]) {
  const tasks = new Set<number>();
  const cycle = new Set<number>();
  const edges = new Set<string>();
  for (const f of findings) {
    if (f.over) continue;
    f.tasks?.forEach((id) => tasks.add(id));
    f.cycle?.forEach((id, i) => (cycle.add(id), edges.add(`${id}-${f.cycle![(i + 1) % f.cycle!.length]}`)));
  }
  return { tasks, cycle, edges };
}

export function Findings({ onOpen }: ViewProps) {
  const m = useModel();
  const unread = m.picture?.unread ?? [];
  return (
    <div class="scroll" tabIndex={0}>
      {m.partial && <p class="note warn">Some rules could not run: {m.partial}</p>}
      {m.findings.length === 0 && <p class="note">{m.asked ? "The rules found no problems." : "Loading…"}</p>}
      {m.findings.map((f) => (
        <article class={f.over ? "over" : f.severe ? "severe" : ""} key={f.rule + f.text}>
          <h2>
            {f.rule}
            {f.for ? <span class="quiet"> for {duration(f.for)}</span> : ""}
            {f.over && <span class="quiet"> resolved</span>}
          </h2>
          <p>{f.text}</p>
          <p class="quiet">{f.advice}</p>
          {[...new Set([...(f.cycle ?? []), ...(f.tasks ?? [])])].slice(0, 20).map((id) => (
            <TaskLink key={id} id={id} onOpen={onOpen} />
          ))}
          {f.stack && <pre>{f.stack}</pre>}
        </article>
      ))}
      {unread.length > 0 && <h2>Errors that were never read</h2>}
      {unread.map((u) => (
        <article key={u.id}>
          <p>
            {u.what}: {u.error} <span class="quiet">{u.made}</span>
          </p>
        </article>
      ))}
    </div>
  );
}

export function TaskLink({ id, onOpen }: { id: number; onOpen: (id: number) => void }) {
  const m = useModel();
  const name = m.tasks.get(id)?.name ?? m.history.lanes.get(id)?.name ?? m.ended.get(id)?.name ?? "task";
  return (
    <button class="link" onClick={() => onOpen(id)}>
      {name} <span class="quiet">#{id}</span>
    </button>
  );
}
