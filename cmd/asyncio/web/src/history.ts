import type { Event } from "./wire";

// What the timeline shows: the last events, in arrays, so that a million of them take 18 MB and no garbage. An event of
// a task refers to the one before it of the same task, by number: so a lane is walked from its end to the left.

const size = 1 << 20;

// What a task does from an event on. Waiting for something of a category is WAITS + its place in `categories`.
export const GONE = 0;
export const READY = 1;
export const RUNS = 2;
export const UNKNOWN = 3; // events are missing from here on
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
  last = -1; // the number of its last event
  outcome = "";
  born = 0;
  first = Infinity; // the times of what is known of it
  gone = Infinity;
  notes: Event[] = []; // cancels, and its end: they are kept whole
  constructor(readonly id: number, public name: string) {}
}

export class History {
  lanes = new Map<number, Lane>();
  total = 0; // the number of the next event
  start = Infinity; // of what is known, and its end: loop times
  end = 0;
  gaps: { from: number; to: number }[] = []; // where events are missing
  steps = new Log2(); // how long steps took
  private times = new Float64Array(size);
  private states = new Uint8Array(size);
  private before = new Float64Array(size);
  keptEnded = 5000; // lanes of tasks that have ended
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
        // The one that was asked, and those that it was passed on to.
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

  // A snapshot tells of tasks that no event has told of.
  meet(id: number, name: string, state: number, time: number) {
    const lane = this.lane(id, name);
    this.end = Math.max(this.end, time);
    if (lane.outcome || this.stateAt(lane.last) === state) return;
    if (lane.last < 0 || (this.valid(lane.last) && this.states[lane.last % size] === UNKNOWN)) this.put(lane, time, state);
  }

  // Events are missing: what was running or waiting may do something else now.
  gap(from: number, to: number) {
    this.gaps.push({ from, to });
    if (this.gaps.length > 500) this.gaps.shift();
    for (const lane of this.lanes.values()) if (!lane.outcome && this.stateAt(lane.last) !== UNKNOWN) this.put(lane, from, UNKNOWN);
  }

  // Walks the lane's events from its last to the left, until `visit` returns false: each with how long it held.
  walk(lane: Lane, visit: (from: number, to: number, state: number) => boolean) {
    let to = Infinity;
    for (let n = lane.last; n >= 0 && this.valid(n); n = this.before[n % size]) {
      const from = this.times[n % size];
      if (!visit(from, to, this.states[n % size])) return;
      to = from;
    }
  }

  // What is known of a task's last events: all of its cancels and its end, and of the others the kind and the time.
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

// How often something took how long: four buckets to a doubling, from 1 ns on.
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

  // The time that the share q does not exceed; exact to a bucket.
  quantile(q: number) {
    let left = q * this.total;
    for (let i = 0; i < 200; i++) if ((left -= this.counts[i]) <= 0) return Math.min(this.max, Log2.from(i + 1));
    return this.max;
  }
}
