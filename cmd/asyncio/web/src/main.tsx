import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { count, duration } from "./format";
import { Graph } from "./graph";
import { model, useModel } from "./model";
import { Findings } from "./findings";
import "./style.css";
import { TaskPage } from "./task";
import { Times } from "./times";
import { Timeline } from "./timeline";
import { Tree } from "./tree";

const views = { Tree, Timeline, Waits: Graph, Times, Findings };
type View = keyof typeof views;
const names = Object.keys(views) as View[];

const keys: [string, string][] = [
  ["1 to 5", "select a view"],
  ["/", "search; Escape leaves the search field"],
  ["Escape", "close the task page"],
  ["Up, Down, Home, End", "in the tree and the timeline: select a task"],
  ["Left, Right", "in the tree: collapse, expand; in the timeline: earlier, later"],
  ["Enter", "open the task page"],
  ["+, -, 0", "in the timeline: zoom in, zoom out, follow the present"],
  ["[, ]", "in a recording: previous, next snapshot"],
  ["?", "show this list"],
]; // prettier-ignore

function App() {
  const m = useModel();
  const [view, setView] = useState<View>("Tree");
  const [search, setSearch] = useState("");
  const [open, setOpen] = useState(0);
  const [help, setHelp] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const words = useMemo(() => search.toLowerCase().split(/\s+/).filter(Boolean), [search]);
  const onOpen = (id: number) => {
    model.watch(id);
    setOpen(id);
  };

  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      const typing = e.target === field.current;
      if (e.key === "Escape") {
        if (typing) field.current!.blur();
        else if (help) setHelp(false);
        else setOpen(0);
      } else if (typing) return;
      else if (e.key === "/") field.current!.focus();
      else if (e.key === "?") setHelp((h) => !h);
      else if ((e.key === "[" || e.key === "]") && model.recording) model.seek(model.recording.at + (e.key === "[" ? -1 : 1));
      else if (names[+e.key - 1]) setView(names[+e.key - 1]);
      else return;
      e.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [help]);

  // Left and Right wrap around, as in other tab lists.
  const onTabKey = (e: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!by) return;
    const next = names[(names.indexOf(view) + by + names.length) % names.length];
    setView(next);
    document.getElementById(`tab-${next}`)!.focus();
    e.preventDefault();
  };

  const name = m.process?.command?.[0]?.split("/").pop() || "asyncio";
  useEffect(() => void (document.title = `${name} · asyncio`), [name]);

  const View = views[view];
  const severe = m.findings.filter((f) => f.severe && !f.over);
  const command = m.process?.command?.join(" ") ?? "";
  return (
    <>
      <header>
        <h1 title={command}>{name}</h1>
        {m.process && <span class="quiet">pid {m.process.pid}</span>}
        <State />
        <input
          ref={field}
          type="search"
          aria-label="Search tasks"
          placeholder="Search by name, function or wait  ( / )"
          value={search}
          onInput={(e) => setSearch(e.currentTarget.value)}
        />
        <nav>
          <div role="tablist" aria-label="Views" onKeyDown={onTabKey}>
          {names.map((n, i) => (
            <button role="tab" key={n} id={`tab-${n}`} aria-controls="view" aria-selected={view === n} tabIndex={view === n ? 0 : -1} onClick={() => setView(n)} title={`Key ${i + 1}`}>
              {n}
              {n === "Findings" && m.findings.length > 0 && <b class={severe.length ? "badge bad" : "badge"}>{m.findings.length}</b>}
            </button>
          ))}
          </div>
          <button aria-label="Keyboard shortcuts" aria-expanded={help} onClick={() => setHelp(!help)}>
            ?
          </button>
        </nav>
      </header>
      {m.recording && <Scrubber at={m.recording.at} times={m.recording.times} />}
      {view !== "Findings" && severe.slice(0, 2).map((f) => (
        <p class="alarm" role="alert" key={f.text}>
          <strong>{f.rule}</strong> {f.text} <button onClick={() => setView("Findings")}>Details</button>
        </p>
      ))}
      {m.picture?.loop && m.picture.tasks?.length === 0 && <p class="note">No tasks.</p>}
      <main class={open ? "split" : ""}>
        <section class="view" role="tabpanel" id="view" aria-labelledby={`tab-${view}`}>
          <View words={words} open={open} onOpen={onOpen} />
        </section>
        {open > 0 && <TaskPage id={open} onOpen={onOpen} onClose={() => setOpen(0)} />}
      </main>
      {help && (
        <dialog open aria-label="Keyboard shortcuts">
          <dl>{keys.map(([key, does]) => [<dt key={key}>{key}</dt>, <dd>{does}</dd>])}</dl>
          <button onClick={() => setHelp(false)}>Close</button>
        </dialog>
      )}
    </>
  );
}

// Scrubber shows which snapshot of a recording is on screen and selects others.
function Scrubber({ at, times }: { at: number; times: number[] }) {
  const since = duration(times[at] - times[0]);
  return (
    <div class="note bar scrubber">
      <button aria-label="Previous snapshot" onClick={() => model.seek(at - 1)}>‹</button>
      <input type="range" aria-label="Snapshot" aria-valuetext={`snapshot ${at + 1} of ${times.length}, ${since}`} min={0} max={times.length - 1} value={at} onInput={(e) => model.seek(+e.currentTarget.value)} />
      <button aria-label="Next snapshot" onClick={() => model.seek(at + 1)}>›</button>
      <span>
        snapshot {at + 1} of {times.length}, {since} after the first
      </span>
    </div>
  );
}

// State shows the state of the connection, the numbers of tasks and events, and how many
// events are missing.
function State() {
  const m = useModel();
  const blocked = m.process?.blocked || m.samples.at(-1)?.blocked;
  const lost = m.dropped + m.skipped;
  return (
    <span class="state" aria-live="polite">
      <b class={`dot ${blocked || m.link === "lost" ? "bad" : m.link}`} />
      {m.link === "ended" ? `ended: ${m.reason}` : m.link === "lost" ? "connection lost" : blocked ? `blocked: ${blocked}` : m.link}
      <span class="quiet">
        {count(m.tasks.size, "task")}, {m.recording ? `${count(m.events, "event")} in total` : `${count(m.eventRate, "event")}/s`}
      </span>
      {lost > 0 && (
        <span class="warn" title="The timeline is hatched where events are missing. The tree, the graph and the lists are complete.">
          sampled: {count(lost, "event")} missing
        </span>
      )}
      {m.trouble && m.link === "live" && <span class="warn">{m.trouble}</span>}
    </span>
  );
}

render(<App />, document.getElementById("app")!);
void model.run();
