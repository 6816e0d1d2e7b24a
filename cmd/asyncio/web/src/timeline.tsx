import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { count, duration } from "./format";
import { categories, GONE, type History, type Lane, READY, RUNS, UNKNOWN, WAITS } from "./history";
import { useModel } from "./model";
import type { ViewProps } from "./view";

// The timeline has one lane per task. A lane shows when the task ran, was ready, and
// waited, and on what.
//
//   - Live tasks come first. Below are the tasks that ended in the visible interval, the
//     last one first.
//   - Only the visible lanes are drawn, on a canvas.
//   - A lane is walked from the present to the left. A pixel shows its
//     last state.

const height = 20;
const leftOf = (width: number) => Math.min(180, Math.round(width * 0.3)); // width of the name column
const axis = 24;
const labels = ["ended", "ready", "running", "events missing", ...categories.map((c) => (c === "other" ? "waits for something else" : `waits for a ${c}`))];
const drawnStates = [READY, RUNS, ...categories.map((_, i) => WAITS + i)];
const maxWalk = 30_000; // events per lane and frame

export function Timeline({ words, open, onOpen }: ViewProps) {
  const m = useModel();
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const [span, setSpan] = useState(10e9); // nanoseconds from edge to edge
  const [end, setEnd] = useState<number | null>(null); // the right edge; null follows the present
  const [chosenId, setChosen] = useState(0); // a task id, because lanes come and go
  const [hover, setHover] = useState<{ x: number; y: number; text: string } | null>(null);
  const drag = useRef<{ x: number; end: number; moved: boolean } | null>(null);

  const lanes = useMemo(() => {
    const all = [...m.history.lanes.values()];
    const to = end ?? m.now();
    return all
      .filter((l) => l.gone >= to - span && l.first <= to && words.every((w) => `${l.id} ${l.name} ${l.outcome}`.toLowerCase().includes(w)))
      .sort((a, b) => Number(a.gone <= to) - Number(b.gone <= to) || (a.gone <= to ? b.gone - a.gone : 0) || a.id - b.id);
  }, [m.history.total, m.tasks, words, end, span]);
  const chosen = Math.max(0, lanes.findIndex((l) => l.id === chosenId));
  const edge = () => end ?? m.now();

  // Draws every frame while following the present, otherwise only after a change.
  useEffect(() => {
    const rows = box.current!;
    const onto = canvas.current!;
    let frame = 0;
    const follows = end === null && m.link === "live";
    const draw = () => {
      paint(onto, rows, lanes, m, span, end ?? m.now(), chosen, open);
      if (follows) frame = requestAnimationFrame(draw);
    };
    draw();
    const again = () => follows || draw();
    const watch = new ResizeObserver(again);
    watch.observe(rows);
    rows.addEventListener("scroll", again);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", again);
    return () => (cancelAnimationFrame(frame), watch.disconnect(), rows.removeEventListener("scroll", again), dark.removeEventListener("change", again));
  });

  // Zooms around x, a fraction of the width: the time at x keeps its position.
  const zoom = (factor: number, x = 1) => {
    const next = Math.min(3600e9, Math.max(1e3, span * factor));
    if (end !== null || x < 1) setEnd(Math.min(m.now(), edge() + (next - span) * (1 - x)));
    setSpan(next);
  };
  const pan = (by: number) => {
    const to = edge() + by;
    setEnd(to >= m.now() ? null : Math.max(m.history.start, to));
  };
  const left = () => leftOf(canvas.current!.clientWidth);
  const width = () => canvas.current!.clientWidth - left();
  const at = (e: MouseEvent) => {
    const r = canvas.current!.getBoundingClientRect();
    const lane = lanes[Math.floor((e.clientY - r.top - axis + box.current!.scrollTop) / height)];
    return { lane: e.clientY - r.top < axis ? undefined : lane, x: (e.clientX - r.left - left()) / width(), time: edge() - span * (1 - (e.clientX - r.left - left()) / width()) };
  };
  const onKey = (e: KeyboardEvent) => {
    if (e.key === "+" || e.key === "=") zoom(0.5);
    else if (e.key === "-") zoom(2);
    else if (e.key === "0") setEnd(null);
    else if (e.key === "ArrowLeft") pan(-span / 5);
    else if (e.key === "ArrowRight") pan(span / 5);
    else if (e.key === "Enter" && lanes[chosen]) onOpen(lanes[chosen].id);
    else {
      const moves: Record<string, number> = { ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: chosen + 20, PageUp: chosen - 20, Home: 0, End: lanes.length - 1 };
      if (!(e.key in moves)) return;
      const to = Math.max(0, Math.min(lanes.length - 1, moves[e.key]));
      const b = box.current!;
      b.scrollTop = Math.min(to * height, Math.max(b.scrollTop, (to + 1) * height - b.clientHeight + axis));
      if (lanes[to]) setChosen(lanes[to].id);
    }
    e.preventDefault();
  };
  const onMove = (e: MouseEvent) => {
    if (drag.current) {
      const by = e.clientX - drag.current.x;
      if (Math.abs(by) > 3) drag.current.moved = true;
      if (drag.current.moved) setEnd(Math.min(m.now(), drag.current.end - (by / width()) * span));
      return;
    }
    const { lane, time } = at(e);
    setHover(lane ? { x: e.clientX, y: e.clientY, text: describe(m.history.walk.bind(m.history), lane, time, m.now()) } : null);
  };
  const onWheel = (e: WheelEvent) => {
    if (e.ctrlKey || e.metaKey) zoom(e.deltaY > 0 ? 1.25 : 0.8, at(e).x);
    else if (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY)) pan(((e.deltaX || e.deltaY) / width()) * span);
    else return;
    e.preventDefault();
  };

  const forgotten = m.history.total - m.history.kept;
  return (
    <>
      <p class="note bar">
        <button aria-pressed={end === null} onClick={() => setEnd(end === null ? m.now() : null)}>
          {end === null ? "Following" : "Follow"}
        </button>
        <button aria-label="Zoom in" onClick={() => zoom(0.5)}>+</button>
        <button aria-label="Zoom out" onClick={() => zoom(2)}>−</button>
        <span id="window">
          {duration(span)} {end !== null && `up to ${duration(end)}`}
        </span>
        {drawnStates.map((s) => (
          <span key={s} class="key">
            {s === WAITS && "waits for: "}
            <i style={{ background: `var(--lane-${s})` }} />
            {s < WAITS ? labels[s] : categories[s - WAITS]}
          </span>
        ))}
        {forgotten > 0 && <span class="warn">{count(forgotten, "older event")} discarded</span>}
      </p>
      <div class="rows lanes" ref={box} tabIndex={0} role="listbox" aria-label="Timeline" onKeyDown={onKey} onWheel={onWheel} onMouseMove={onMove}
        aria-activedescendant="lane-chosen"
        onMouseLeave={() => setHover(null)}
        onMouseDown={(e) => (drag.current = { x: e.clientX, end: edge(), moved: false })}
        onMouseUp={(e) => {
          const { lane } = at(e);
          if (!drag.current?.moved && lane) (setChosen(lane.id), onOpen(lane.id));
          drag.current = null;
        }}>
        <canvas ref={canvas} />
        <div style={{ height: `${lanes.length * height}px` }} />
        {lanes[chosen] && <span id="lane-chosen" role="option" aria-selected class="unseen">{describe(m.history.walk.bind(m.history), lanes[chosen], edge(), m.now())}</span>}
      </div>
      {hover && <div class="hover" style={{ left: `${Math.min(hover.x + 12, innerWidth - 330)}px`, top: `${hover.y + 14}px` }}>{hover.text}</div>}
    </>
  );
}

// Describes the state of the lane at a time, in words.
function describe(walk: History["walk"], lane: Lane, time: number, now: number): string {
  let text = `${lane.name} #${lane.id}`;
  walk(lane, (from, to, state) => {
    if (from > time) return true;
    text += `\n${state === GONE ? `ended: ${lane.outcome}` : `${labels[state]} for ${duration(Math.min(to, now) - from)}`}`;
    return false;
  });
  for (const n of lane.notes) if (n.time <= now) text += `\n${n.kind} ${n.by ? `by ${n.by}` : ""} ${n.error ?? n.message ?? ""}`;
  return text;
}

type M = ReturnType<typeof useModel>;

function paint(canvas: HTMLCanvasElement, box: HTMLElement, lanes: Lane[], m: M, span: number, end: number, chosen: number, open: number) {
  const w = box.clientWidth;
  const h = box.clientHeight;
  const left = leftOf(w);
  const ratio = devicePixelRatio;
  if (canvas.width !== w * ratio || canvas.height !== h * ratio) {
    canvas.width = w * ratio;
    canvas.height = h * ratio;
    canvas.style.width = w + "px";
    canvas.style.height = h + "px";
    canvas.style.marginBottom = -h + axis + "px";
  }
  const g = canvas.getContext("2d")!;
  const style = getComputedStyle(box);
  const color = (name: string) => style.getPropertyValue(name);
  const fills = labels.map((_, i) => color(`--lane-${i}`));
  const now = m.now();
  const begin = end - span;
  const scale = (w - left) / span;
  const x = (t: number) => left + (t - begin) * scale;
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  g.font = "12px system-ui, sans-serif";
  g.textBaseline = "middle";

  const first = Math.floor(box.scrollTop / height);
  for (let i = first; i < lanes.length && i * height - box.scrollTop < h; i++) {
    const lane = lanes[i];
    const y = axis + i * height - box.scrollTop;
    if (i === chosen || lane.id === open) {
      g.fillStyle = color("--chosen");
      g.fillRect(0, y, w, height);
    }
    let drawn = Infinity; // everything to the right of this x is drawn
    let walked = 0;
    m.history.walk(lane, (from, to, state) => {
      const right = Math.min(w, x(Math.min(to, now)));
      const at = Math.max(left, x(from));
      if (right > left && at < w && at < drawn && state !== GONE) {
        const until = Math.min(drawn, right);
        const start = Math.min(at, until - 1);
        g.fillStyle = fills[state];
        const thin = state >= WAITS ? 6 : state === UNKNOWN ? 8 : 3;
        g.fillRect(start, y + thin, until - start, height - 2 * thin);
        drawn = start;
      }
      if (state === GONE && at < w && at > left) {
        g.fillStyle = color(lane.outcome === "result" ? "--quiet" : lane.outcome === "cancelled" ? "--cancelled" : "--bad");
        g.fillRect(at - 1, y + 2, 3, height - 4);
      }
      return from > begin && ++walked < maxWalk;
    });
    for (const n of lane.notes)
      if (n.kind === "cancel asked" && x(n.time) > left && x(n.time) < w) {
        g.fillStyle = color("--cancelled");
        g.beginPath();
        g.moveTo(x(n.time) - 4, y + 1);
        g.lineTo(x(n.time) + 4, y + 1);
        g.lineTo(x(n.time), y + 8);
        g.fill();
      }
    g.clearRect(0, y, left - 4, height);
    g.fillStyle = color(lane.gone <= now ? "--quiet" : "--text");
    let name = lane.name;
    while (g.measureText(name).width > left - 20) name = name.replace(/.…?$/, "…");
    g.fillText(name, 8, y + height / 2);
  }
  for (const gap of m.history.gaps) hatch(g, Math.max(left, x(gap.from)), Math.min(w, Math.max(x(gap.to), x(gap.from) + 2)), h, color("--warn"));
  ruler(g, w, begin, span, x, color);
}

function hatch(g: CanvasRenderingContext2D, from: number, to: number, h: number, color: string) {
  if (to <= from) return;
  g.save();
  g.beginPath();
  g.rect(from, axis, to - from, h);
  g.clip();
  g.strokeStyle = color;
  g.globalAlpha = 0.35;
  g.beginPath();
  for (let x = from - h; x < to; x += 8) {
    g.moveTo(x, h);
    g.lineTo(x + h, 0);
  }
  g.stroke();
  g.restore();
}

function ruler(g: CanvasRenderingContext2D, w: number, begin: number, span: number, x: (t: number) => number, color: (n: string) => string) {
  g.fillStyle = color("--back");
  g.fillRect(0, 0, w, axis);
  g.fillStyle = color("--quiet");
  const power = 10 ** Math.floor(Math.log10(span / 5));
  const step = [1, 2, 5, 10, 20, 50].map((f) => f * power).find((s) => span / s <= Math.max(1, (x(begin + span) - x(begin)) / 90))!;
  for (let t = Math.max(0, Math.ceil(begin / step) * step); t < begin + span; t += step) {
    g.fillRect(x(t), axis - 6, 1, 6);
    g.fillText(duration(t), Math.min(x(t) + 3, w - 40), axis / 2);
  }
}
