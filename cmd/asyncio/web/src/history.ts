import type { Event } from "./wire";

// The data of the timeline: the last events, in typed arrays. A million events take 18 MB
// and produce no garbage. Each event refers to the previous event of the same task by
// number, so that a lane can be walked from its end to the left.

const size = 1 << 20;

// The state of a task after an event. For a waiting task it is WAITS plus the index of
// the category in `categories`.
export const GONE = 0;
export const READY = 1;
export const RUNS = 2;
export const UNKNOWN = 3; // events after this one are missing
export const WAITS = 4;

export const categories = ["task", "timer", "lock", "queue", "job", "other"] as const;

const categoryOf: Record<string, (typeof categories)[number]> = {
  task: "task", gather: "task", wait: "task", "as completed": "task", shield: "task", group: "task", timeout: "task",
  timer: "timer",
  lock: "lock", condition: "lock", semaphore: "lock", event: "lock", barrier: "lock",
  "queue get": "queue", "queue put": "queue", "queue join": "queue",
  job: "job",
}; // prettier-ignore

const waiting = (kind?: string) => WAITS + categories.indexOf(categoryOf[kind ?? ""] ?? "other");

export function stateOf(task: { state: string; waits?: { kind: string } }): number {
  return task.state === "running" ? RUNS : task.state === "waiting" ? waiting(task.waits?.kind) : READY;
}

export class Lane {
  last = -1; // the number of its last event; -1: none
  outcome = ""; // "" until the task ends
  born = 0;
  first = Infinity; // the time of its first known event
  gone = Infinity; // when it ended
  notes: Event[] = []; // its cancel requests and its end, kept in full
  constructor(readonly id: number, public name: string) {}
}

export class History {
  lanes = new Map<number, Lane>();
  total = 0; // the number of the next event
  start = Infinity; // the loop time of the first known event; end: of the last
  end = 0;
  gaps: { from: number; to: number }[] = []; // intervals with missing events
  steps = new Log2(); // step durations
  private times = new Float64Array(size);
  private states = new Uint8Array(size);
  private before = new Float64Array(size); // the previous event of the same lane; -1: none
  keptEnded = 5000; // how many lanes of ended tasks are kept
  private ended: number[] = [];

  lane(id: number, name?: string): Lane {
    let lane = this.lanes.get(id);
    if (!lane) this.lanes.set(id, (lane = new Lane(id, name || `task ${id}`)));
    else if (name) lane.name = name;
    return lane;
  }

  add(e: Event) {
    this.end = Math.max(this.end, e.time);
    if (!e.task) return;
    const lane = this.lane(e.task, e.name);
    switch (e.kind) {
      case "created":
        lane.born = e.time;
        return this.put(lane, e.time, READY);
      case "started":
      case "resumed":
        return this.put(lane, e.time, RUNS);
      case "suspended":
        this.step(lane, e.time);
        return this.put(lane, e.time, e.waits ? waiting(e.waits.kind) : READY);
      case "cancel asked":
        // The task that was cancelled, and those the request was passed on to.
        for (const id of [lane.id, ...(e.through ?? [])]) if (this.lane(id).notes.length < 20 && this.lane(id).notes.at(-1) !== e) this.lane(id).notes.push(e);
        return;
      case "ended":
        this.step(lane, e.time);
        lane.outcome = e.outcome ?? "result";
        lane.notes.push(e);
        lane.gone = e.time;
        this.put(lane, e.time, GONE);
        this.ended.push(lane.id);
        if (this.ended.length > this.keptEnded) this.lanes.delete(this.ended.shift()!);
    }
  }

  // Adds a task from a snapshot that no event has reported.
  meet(id: number, name: string, state: number, time: number) {
    const lane = this.lane(id, name);
    this.end = Math.max(this.end, time);
    if (lane.outcome || this.stateAt(lane.last) === state) return;
    if (lane.last < 0 || (this.valid(lane.last) && this.states[lane.last % size] === UNKNOWN)) this.put(lane, time, state);
  }

  // Marks missing events: the state of every live task is unknown from here on.
  gap(from: number, to: number) {
    this.gaps.push({ from, to });
    if (this.gaps.length > 500) this.gaps.shift();
    for (const lane of this.lanes.values()) if (!lane.outcome && this.stateAt(lane.last) !== UNKNOWN) this.put(lane, from, UNKNOWN);
  }

  // Walks the lane's events from the last to the first until `visit` returns false. Each
  // visit gets the interval in which the state held.
  walk(lane: Lane, visit: (from: number, to: number, state: number) => boolean) {
    let to = Infinity;
    for (let n = lane.last; n >= 0 && this.valid(n); n = this.before[n % size]) {
      const from = this.times[n % size];
      if (!visit(from, to, this.states[n % size])) return;
      to = from;
    }
  }

  // Returns the known events of a task: its cancel requests and its end in full, the last
  // 100 of the others with kind and time only.
  past(id: number): Event[] {
    const lane = this.lanes.get(id);
    if (!lane) return [];
    const events: Event[] = [];
    this.walk(lane, (time, _, state) => {
      if (state === RUNS) events.push({ kind: "resumed", time });
      else if (state >= WAITS) events.push({ kind: "suspended", time, waits: { kind: categories[state - WAITS] } });
      else if (state === READY) events.push({ kind: time === lane.born ? "created" : "suspended", time });
      return events.length < 100;
    });
    return [...lane.notes, ...events].sort((a, b) => a.time - b.time);
  }

  private stateAt(n: number) {
    return n >= 0 && this.valid(n) ? this.states[n % size] : -1;
  }

  private valid(n: number) {
    return n >= this.total - size;
  }

  private step(lane: Lane, end: number) {
    if (this.stateAt(lane.last) === RUNS) this.steps.add(end - this.times[lane.last % size]);
  }

  private put(lane: Lane, time: number, state: number) {
    const i = this.total % size;
    this.times[i] = time;
    this.states[i] = state;
    this.before[i] = lane.last;
    lane.last = this.total++;
    if (time < this.start) this.start = time;
    if (time < lane.first) lane.first = time;
  }

  get kept() {
    return Math.min(this.total, size);
  }
}

// Log2 is a histogram of durations, with four buckets per doubling, starting at 1 ns.
export class Log2 {
  counts = new Float64Array(200);
  total = 0;
  max = 0;

  add(ns: number) {
    this.counts[Math.min(199, Math.max(0, Math.floor(Math.log2(Math.max(1, ns)) * 4)))]++;
    this.total++;
    this.max = Math.max(this.max, ns);
  }

  static from(bucket: number) {
    return 2 ** (bucket / 4);
  }

  // Returns the q-quantile, exact to one bucket.
  quantile(q: number) {
    let left = q * this.total;
    for (let i = 0; i < 200; i++) if ((left -= this.counts[i]) <= 0) return Math.min(this.max, Log2.from(i + 1));
    return this.max;
  }
}
