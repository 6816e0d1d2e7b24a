import { graphlib, layout } from "@dagrejs/dagre";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { wrongTasks } from "./findings";
import { count, matches, waitsFor } from "./format";
import { useModel } from "./model";
import type { Finding, Task } from "./wire";
import type { ViewProps } from "./view";

// The wait graph.
//
//   - An arrow leads from a task to each task it awaits, or to the holder of the object
//     it waits for.
//   - An object without a holder, such as a queue or a semaphore, is a node of its own.
//   - Wait cycles are red.
//   - A graph of thousands of nodes is unreadable, so the number of nodes is limited:
//     tasks in findings come first, then those with the most arrows. A note shows how
//     many are shown.

const most = 120;
const mostWaiters = 6; // arrows drawn to one object
const nodeWidth = 190;
const nodeHeight = 46;

// A node is a task, or, with a negative number, an object that tasks wait for.
type Thing = { kind: string; what: string; waiters: number[] };
type Edge = { from: number; to: number; text: string };

function edgesOf(tasks: Map<number, Task>, findings: Finding[]) {
  const edges = new Map<string, Edge>();
  const things = new Map<number, Thing>();
  const put = (from: number, to: number, text: string) => tasks.has(from) && tasks.has(to) && edges.set(`${from}-${to}`, { from, to, text });
  for (const t of tasks.values()) {
    const w = t.waits;
    for (const to of w?.tasks ?? []) put(t.id, to, w!.kind === "task" ? "" : w!.kind);
    if (w?.holder && tasks.has(w.holder)) put(t.id, w.holder, w.kind);
    else if (w?.object && !w.tasks) {
      const thing = things.get(-w.object) ?? { kind: w.kind, what: w.what ?? w.kind, waiters: [] };
      things.set(-w.object, thing);
      thing.waiters.push(t.id);
    }
  }
  for (const [id, thing] of things) for (const from of thing.waiters.slice(0, mostWaiters)) edges.set(`${from}-${id}`, { from, to: id, text: thing.kind.startsWith("queue") ? tasks.get(from)!.waits!.kind : "" });
  for (const f of findings) if (!f.over) f.cycle?.forEach((from, i) => {
    const to = f.cycle![(i + 1) % f.cycle!.length];
    if (!edges.has(`${from}-${to}`)) put(from, to, tasks.get(from)?.waits?.kind ?? "");
  }); // prettier-ignore
  return { edges: [...edges.values()], things };
}

function choose(tasks: Map<number, Task>, edges: Edge[], words: string[], findings: Finding[]) {
  const wrong = wrongTasks(findings);
  const weight = new Map<number, number>();
  const neighbours = new Map<number, number[]>();
  for (const e of edges)
    for (const [a, b] of [[e.from, e.to], [e.to, e.from]] as const) {
      weight.set(a, (weight.get(a) ?? 0) + 1);
      neighbours.get(a)?.push(b) ?? neighbours.set(a, [b]);
    } // prettier-ignore
  const all = [...weight.keys()].filter((id) => id < 0 ? !words.length : matches(tasks.get(id)!, words));
  const rank = (id: number) => (wrong.cycle.has(id) ? 1e9 : wrong.tasks.has(id) ? 1e8 : 0) + weight.get(id)!;
  all.sort((a, b) => rank(b) - rank(a) || a - b);
  const shown = new Set<number>();
  for (const id of all) {
    if (shown.size >= most) break;
    shown.add(id);
    for (const n of neighbours.get(id)!.slice(0, 8)) if (shown.size < most && (!words.length || n < 0 || wrong.cycle.has(id))) shown.add(n);
  }
  return { shown, total: [...weight.keys()].filter((id) => id > 0).length, wrong };
}

export function Graph({ words, open, onOpen }: ViewProps) {
  const m = useModel();
  const { shown, total, wrong, edges, things } = useMemo(() => {
    const { edges, things } = edgesOf(m.tasks, m.findings);
    const chosen = choose(m.tasks, edges, words, m.findings);
    return { ...chosen, things, edges: edges.filter((e) => chosen.shown.has(e.from) && chosen.shown.has(e.to)) };
  }, [m.tasks, m.findings, words]);
  const shownTasks = [...shown].filter((id) => id > 0).length;
  const key = [...shown].join() + ";" + edges.map((e) => `${e.from}-${e.to}`).join();

  // The layout is computed again only when nodes or arrows change.
  const placed = useMemo(() => {
    const g = new graphlib.Graph().setGraph({ rankdir: "LR", nodesep: 14, ranksep: 70, marginx: 16, marginy: 16 }).setDefaultEdgeLabel(() => ({}));
    for (const id of shown) g.setNode(String(id), { width: nodeWidth, height: nodeHeight });
    for (const e of edges) g.setEdge(String(e.from), String(e.to), {});
    layout(g);
    // An arrow to the right starts at the right side of a node and ends at the left side
    // of the other. Other arrows keep the layout of dagre.
    const points = (e: Edge) => {
      const { points } = g.edge(String(e.from), String(e.to)) as { points: { x: number; y: number }[] };
      const [a, b] = [e.from, e.to].map((id) => g.node(String(id)) as { x: number; y: number });
      if (a.x >= b.x) return points;
      return [{ x: a.x + nodeWidth / 2, y: a.y }, ...points.slice(1, -1), { x: b.x - nodeWidth / 2, y: b.y }];
    };
    const { width = 0, height = 0 } = g.graph() as { width?: number; height?: number };
    return { width, height, nodes: [...shown].map((id) => ({ id, ...(g.node(String(id)) as { x: number; y: number }) })), edges: edges.map((e) => ({ ...e, points: points(e) })) };
  }, [key]);

  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.querySelector(".node.cycle")?.scrollIntoView({ block: "center", inline: "center" }), [wrong.cycle.size]);

  return (
    <>
      <p class="note">
        {total === 0 ? "No task waits for another." : shownTasks < total ? `Showing ${shownTasks} of ${count(total, "waiting or awaited task")}, those with the most arrows first. Search to show others.` : count(total, "waiting or awaited task") + "."}
        {wrong.cycle.size > 0 && <b class="bad"> Wait cycle: {wrong.cycle.size} tasks wait for each other and none can continue.</b>}
      </p>
      <div class="scroll" ref={box} tabIndex={0}>
        <svg width={placed.width || 1} height={placed.height || 1} class="graph" role="group" aria-label="Wait graph">
          <defs>
            {["arrow", "arrow-bad"].map((id) => (
              <marker key={id} id={id} viewBox="0 0 8 8" refX="8" refY="4" markerUnits="userSpaceOnUse" markerWidth="10" markerHeight="10" orient="auto">
                <path d="M0,0L8,4L0,8z" />
              </marker>
            ))}
          </defs>
          {placed.edges.map((e) => {
            const bad = wrong.edges.has(`${e.from}-${e.to}`);
            const middle = e.points[Math.floor(e.points.length / 2)];
            return (
              <g key={`${e.from}-${e.to}`} class={bad ? "edge cycle" : "edge"}>
                <path d={"M" + e.points.map((p) => `${p.x},${p.y}`).join("L")} marker-end={bad ? "url(#arrow-bad)" : "url(#arrow)"} />
                {e.text && <text x={middle.x} y={middle.y - 4}>{e.text}</text>}
              </g>
            );
          })}
          {placed.nodes.map(({ id, x, y }) => {
            const thing = things.get(id);
            if (thing) return <ThingNode key={id} thing={thing} x={x} y={y} />;
            const t = m.tasks.get(id);
            const [title, below] = [clip(`${t?.name} #${id}`, 24), clip(t?.waits?.what || t?.waits?.kind || t?.state || "ended", 26)];
            const does = waitsFor(t?.waits, m.now()) || (t?.state ?? "ended");
            const classes = ["node", wrong.cycle.has(id) && "cycle", id === open && "open"];
            return (
              <g key={id} class={classes.filter(Boolean).join(" ")} transform={`translate(${x - nodeWidth / 2},${y - nodeHeight / 2})`} tabIndex={0} role="button"
                aria-label={`${title} ${below} ${does}`} onClick={() => onOpen(id)} onKeyDown={(e) => e.key === "Enter" && onOpen(id)}>
                <rect width={nodeWidth} height={nodeHeight} rx="6" />
                <text x="10" y="19" class="name">{title}</text>
                <text x="10" y="36" class="quiet">{below}</text>
                <title>{does}</title>
              </g>
            );
          })}
        </svg>
      </div>
    </>
  );
}

// ThingNode is an object that tasks wait for, with the number of its waiters.
function ThingNode({ thing, x, y }: { thing: Thing; x: number; y: number }) {
  const n = thing.waiters.length;
  return (
    <g class="node thing" transform={`translate(${x - nodeWidth / 2},${y - nodeHeight / 2})`}>
      <rect width={nodeWidth} height={nodeHeight} rx={nodeHeight / 2} />
      <text x={nodeWidth / 2} y="19" class="name">{clip(thing.what.replace(/^<(.*)>$/, "$1"), 22)}</text>
      <text x={nodeWidth / 2} y="36" class="quiet">{count(n, "waiter") + (n > mostWaiters ? `, ${mostWaiters} shown` : "")}</text>
      <title>{thing.what}</title>
    </g>
  );
}

const clip = (s: string, n: number) => (s.length > n ? s.slice(0, n - 1) + "…" : s);
