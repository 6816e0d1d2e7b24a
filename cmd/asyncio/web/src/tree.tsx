import { useMemo, useState } from "preact/hooks";
import { wrongTasks } from "./findings";
import { count, duration, matches, waitsFor } from "./format";
import { useModel } from "./model";
import { Rows } from "./rows";
import type { Event, Task } from "./wire";
import type { ViewProps } from "./view";

// The tree of awaits. Below a task are the tasks it waits for, and the tasks of its group
// that it does not await yet. A task that is awaited in several ways is listed once, with
// all ways.

type Row = { key: string; depth: number; folded?: boolean; task?: Task; via?: string; again?: boolean; heading?: string; gone?: Event; match: boolean };

type Child = { task: Task; via: string };

function childrenOf(tasks: Map<number, Task>) {
  const below = new Map<number, Child[]>();
  const roots: Task[] = [];
  const put = (above: number, child: Child) => below.get(above)?.push(child) ?? below.set(above, [child]);
  for (const task of tasks.values()) {
    const ways = new Map<number, string[]>();
    for (const a of task.awaited_by ?? []) if (tasks.has(a.task)) ways.get(a.task)?.push(a.via || "await") ?? ways.set(a.task, [a.via ?? ""]);
    for (const [above, via] of ways) put(above, { task, via: via.length > 1 ? via.map((v) => v || "await").join(", ") : via[0] });
    if (!ways.size) {
      if (task.group && tasks.has(task.group)) put(task.group, { task, via: "in its group" });
      else roots.push(task);
    }
  }
  return { below, roots };
}

// Flattens the tree. A task with several awaiters is listed in full below the first one,
// and as a reference below the others.
function flatten(tasks: Map<number, Task>, words: string[], folded: Set<number>): Row[] {
  const { below, roots } = childrenOf(tasks);
  const rows: Row[] = [];
  const seen = new Set<number>();

  const visit = (task: Task, depth: number, via: string): boolean => {
    const match = matches(task, words);
    const at = rows.length;
    const again = seen.has(task.id);
    rows.push({ key: `${at}`, depth, task, via, again, match });
    if (again) return keep(match, at);
    seen.add(task.id);
    const children = below.get(task.id) ?? [];
    let found = false;
    for (const child of children) found = visit(child.task, depth + 1, child.via) || found;
    if (children.length) rows[at].folded = folded.has(task.id) && !words.length;
    if (rows[at].folded) rows.length = at + 1;
    return keep(match || found, at);
  };
  const keep = (yes: boolean, at: number) => {
    if (!yes) rows.length = at;
    return yes;
  };

  for (const task of roots) visit(task, 0, "");
  for (const task of tasks.values()) if (!seen.has(task.id)) visit(task, 0, "cycle"); // in a cycle every task is awaited
  return rows;
}

// Returns rows for recently ended tasks, the last one first: those that match the search,
// or without a search those that were cancelled or failed.
function endedRows(ended: Map<number, Event>, words: string[], now: number): Row[] {
  const rows: Row[] = [];
  for (const e of [...ended.values()].reverse()) {
    if (rows.length >= 200) break;
    if (e.time > now) continue; // in a recording: in the future
    const text = `${e.task} ${e.name ?? ""} ${e.outcome ?? ""} ${e.error ?? ""}`.toLowerCase();
    const match = words.length ? words.every((w) => text.includes(w)) : e.outcome !== "result";
    if (match) rows.push({ key: `gone ${e.task}`, depth: 0, gone: e, match: true });
  }
  if (rows.length) rows.unshift({ key: "ended", depth: 0, heading: words.length ? "Recently ended" : "Recently cancelled or failed", match: true });
  return rows;
}

export function Tree({ words, open, onOpen }: ViewProps) {
  const m = useModel();
  const [folded, setFolded] = useState(new Set<number>());
  const [chosen, setChosen] = useState(0);
  const wrong = wrongTasks(m.findings);
  const rows = useMemo(() => [...flatten(m.tasks, words, folded), ...endedRows(m.ended, words, m.now())], [m.tasks, m.ended.size, words, folded]);
  const found = useMemo(() => (words.length ? [...m.tasks.values()].filter((t) => matches(t, words)).length : m.tasks.size), [m.tasks, words]);

  const fold = (row: Row | undefined, yes: boolean) => {
    if (row?.folded === undefined) return;
    const next = new Set(folded);
    yes ? next.add(row.task!.id) : next.delete(row.task!.id);
    setFolded(next);
  };
  const idOf = (row?: Row) => row?.task?.id ?? row?.gone?.task ?? 0;
  const onKey = (e: KeyboardEvent) => {
    const row = rows[chosen];
    const moves: Record<string, number> = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: chosen + 20, PageUp: chosen - 20, Home: 0, End: rows.length - 1 };
    if (e.key in moves) setChosen(Math.max(0, Math.min(rows.length - 1, moves[e.key])));
    else if (e.key === "ArrowLeft") fold(row, true);
    else if (e.key === "ArrowRight") fold(row, false);
    else if (e.key === "Enter" && idOf(row)) onOpen(idOf(row));
    else return;
    e.preventDefault();
  };

  const draw = (row: Row, i: number) => {
    if (row.heading) return <h2 class="row" role="presentation">{row.heading}</h2>;
    const id = idOf(row);
    const classes = ["row", i === chosen && "chosen", id === open && "open", !row.match && "faint", wrong.cycle.has(id) && "cycle"];
    return (
      <div
        key={row.key} id={`row-${i}`} role="treeitem" class={classes.filter(Boolean).join(" ")} style={{ paddingLeft: `${8 + Math.min(row.depth, 30) * 18}px` }}
        aria-level={row.depth + 1} aria-selected={i === chosen} aria-expanded={row.folded === undefined ? undefined : !row.folded}
        onClick={() => (setChosen(i), onOpen(id))}
      >
        <span class="fold" aria-hidden="true" onClick={(e) => row.folded !== undefined && (e.stopPropagation(), fold(row, !row.folded))}>
          {row.folded === undefined ? "" : row.folded ? "▸" : "▾"}
        </span>
        {row.task ? <Living task={row.task} row={row} now={m.now()} /> : <Gone e={row.gone!} />}
      </div>
    );
  };
  return (
    <>
      <p class="note" id="found">
        {words.length ? `${found.toLocaleString("en")} of ${count(m.tasks.size, "task")}` : count(m.tasks.size, "task")}
        {m.picture && m.picture.loop.stopped > 1e6 && `; each snapshot stops the loop for ${duration(m.picture.loop.stopped)}`}
      </p>
      <Rows items={rows} height={24} chosen={chosen} row={draw} onKey={onKey} label="Tasks" />
    </>
  );
}

function Living({ task, row, now }: { task: Task; row: Row; now: number }) {
  return (
    <>
      <span class={`pill ${task.state}`}>{task.state}</span>
      <span class="name">{task.name}</span>
      <span class="quiet id">#{task.id}</span>
      {row.via && <span class="via">{row.via}</span>}
      {row.again ? (
        <span class="quiet">listed above</span>
      ) : (
        <span class="what">
          {task.cancel && <b class="warn">cancel: {task.cancel.reason} </b>}
          {waitsFor(task.waits, now)} <span class="quiet">{task.func}</span>
        </span>
      )}
    </>
  );
}

function Gone({ e }: { e: Event }) {
  return (
    <>
      <span class={`pill ${e.outcome}`}>{e.outcome}</span>
      <span class="name">{e.name}</span>
      <span class="quiet id">#{e.task}</span>
      <span class="what">{e.error}</span>
    </>
  );
}
