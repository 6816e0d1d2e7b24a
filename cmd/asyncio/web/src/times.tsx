import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { count, duration } from "./format";
import { Log2 } from "./history";
import { useModel } from "./model";

// Distributions of the step durations and of the loop lag, and the lag of the last ten
// minutes.

export function Times() {
  const m = useModel();
  const steps = m.history.steps;
  return (
    <div class="scroll charts" tabIndex={0}>
      <Histogram title="Steps" what="A step is the execution of a task between two awaits. Nothing else runs on the loop meanwhile." data={steps} noun="step" />
      <Histogram title="Loop lag" what="How long a ready call waits before it runs. Measured once per second." data={m.lag} noun="measurement" />
      <Course />
    </div>
  );
}

function Histogram({ title, what, data, noun }: { title: string; what: string; data: Log2; noun: string }) {
  const first = data.counts.findIndex((n) => n > 0);
  const last = data.counts.findLastIndex((n) => n > 0);
  const buckets = Array.from({ length: Math.max(0, last - first + 3) }, (_, i) => Math.max(0, first - 1) + i);
  const columns = [buckets.map((b) => Log2.from(b)), buckets.map((b) => data.counts[b])];
  return (
    <figure>
      <figcaption>
        <h2>{title}</h2>
        <p class="quiet">{what}</p>
        <p>
          {data.total ? `${count(data.total, noun)}: 50% within ${duration(data.quantile(0.5))}, 99% within ${duration(data.quantile(0.99))}, maximum ${duration(data.max)}` : "No data yet."}
        </p>
      </figcaption>
      {data.total > 0 && <Chart columns={columns} options={histogram} />}
    </figure>
  );
}

function Course() {
  const m = useModel();
  const at = m.samples.map((s) => Date.parse(s.taken) / 1000);
  return (
    <figure>
      <figcaption>
        <h2>Loop lag over time</h2>
      </figcaption>
      {m.samples.length > 1 && <Chart columns={[at, m.samples.map((s) => s.lag)]} options={course} />}
    </figure>
  );
}

const axes = (x: uPlot.Axis): uPlot.Axis[] => {
  const look = { stroke: () => css("--quiet"), grid: { stroke: () => css("--line"), width: 1 }, ticks: { stroke: () => css("--line"), width: 1 } };
  return [{ ...look, ...x }, { ...look, size: 70 }];
};
const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name);
const time = (_: uPlot, values: (number | null)[]) => values.map((v) => (v == null ? "" : duration(v)));
const series = (name: string, more: uPlot.Series): uPlot.Series => ({ label: name, stroke: () => css("--accent"), fill: () => css("--accent-faint"), width: 1.5, points: { show: false }, ...more });

const histogram: Omit<uPlot.Options, "width" | "height"> = {
  scales: { x: { time: false, distr: 3, log: 10 }, y: { range: (_u, _min, max) => [0, max * 1.1 || 1] } },
  axes: axes({ values: (u, values) => time(u, values.map((v) => (v && Number.isInteger(Math.log10(v)) ? v : null))) }), // prettier-ignore
  series: [{ label: "up to", value: (_, v) => (v == null ? "" : duration(v * 2 ** 0.25)) }, series("count", { paths: uPlot.paths.bars!({ size: [0.95, 60], align: 1 }) })],
  cursor: { drag: { setScale: false } },
};

const course: Omit<uPlot.Options, "width" | "height"> = {
  scales: { y: { range: (_u, _min, max) => [0, max * 1.1 || 1] } },
  axes: axes({}).map((a, i) => (i ? { ...a, values: time } : a)),
  series: [{}, series("lag", { value: (_, v) => (v == null ? "" : duration(v)) })],
  cursor: { drag: { setScale: false } },
};

function Chart({ columns, options }: { columns: number[][]; options: Omit<uPlot.Options, "width" | "height"> }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const into = box.current!;
    const size = () => ({ width: into.clientWidth, height: 220 });
    const p = (plot.current = new uPlot({ ...options, ...size() }, columns as uPlot.AlignedData, into));
    const watch = new ResizeObserver(() => p.setSize(size()));
    watch.observe(into);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => p.redraw();
    dark.addEventListener("change", redraw);
    return () => (watch.disconnect(), dark.removeEventListener("change", redraw), p.destroy());
  }, []);
  useEffect(() => void plot.current?.setData(columns as uPlot.AlignedData), [columns]);
  return <div ref={box} />;
}
