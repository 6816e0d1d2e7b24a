import { useEffect, useState } from "preact/hooks";
import { History, Log2, stateOf } from "./history";
import type { Event, Finding, Findings, Message, Picture, Process, Sample, Task } from "./wire";

// What the page knows. Pictures (snapshots) are asked for again and again and make up the tree, the graph and the lists;
// the stream of events makes up the timeline, the distributions and what has ended. Of a recording the stream has all events at
// once, and one of its pictures is shown: the time of that is the present.

export type Link = "connecting" | "live" | "recording" | "ended" | "lost";

class Model {
  link: Link = "connecting";
  reason = ""; // why the stream has ended
  picture?: Picture;
  process?: Process;
  tasks = new Map<number, Task>();
  findings: Finding[] = [];
  asked = false; // what is wrong; before the first answer nothing is known
  partial = "";
  trouble = ""; // why the last picture could not be had
  history = new History();
  ended = new Map<number, Event>(); // those that ended lately with an error or cancelled, and the last others
  samples: Sample[] = [];
  lag = new Log2();
  events = 0; // that were taken in
  eventRate = 0; // events a second that the program told of
  dropped = 0; // by the program, as this page was too slow
  skipped = 0; // by this page
  recording?: { times: number[]; at: number }; // when its pictures were taken, and which is shown
  spare = 400; // milliseconds a second for events: with more the page would stutter
  watched = 0; // the task whose page is open: its events are kept whole
  watchedEvents: Event[] = [];
  private nextSeq = 0;
  private seen = 0; // events since the last sample
  private budget = { second: 0, spent: 0 }; // milliseconds spent on events in this second of the clock
  private clock = { time: 0, at: 0 };
  private listeners = new Set<() => void>();
  private queued = false;
  private sought = new Set<() => void>(); // to be called when another picture of a recording is wanted

  // The time of the loop, as far as it can be told between two events.
  now() {
    if (this.recording) return this.picture!.loop.time;
    const passed = this.link === "live" ? Math.min(1500, performance.now() - this.clock.at) : 0;
    return Math.max(this.history.end, this.clock.time + passed * 1e6);
  }

  subscribe(listener: () => void) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  // Tells the views, at most four times a second.
  private changed() {
    if (this.queued) return;
    this.queued = true;
    setTimeout(() => {
      this.queued = false;
      this.listeners.forEach((tell) => tell());
    }, 250);
  }

  watch(id: number) {
    this.watched = id;
    this.watchedEvents = this.history.past(id);
    if (this.recording && id) void this.recall(id);
  }

  private async recall(id: number) {
    const events = await get<Event[]>(`tasks/${id}/events`);
    if (typeof events !== "string" && this.watched === id) this.watchedEvents = events;
    this.changed();
  }

  // Shows another picture of a recording.
  seek(at: number) {
    if (!this.recording) return;
    this.recording.at = Math.max(0, Math.min(this.recording.times.length - 1, at));
    this.sought.forEach((again) => again());
    this.sought.clear();
    this.changed();
  }

  async run() {
    void this.askPictures();
    void this.askFindings();
    for (;;) {
      try {
        await this.stream();
      } catch {
        this.link = "lost";
      }
      this.changed();
      if (this.link === "ended" || this.link === "recording") return;
      await sleep(2000);
    }
  }

  private async stream() {
    const answer = await fetch("api/events");
    if (!answer.ok || !answer.body) throw new Error(answer.statusText);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let breath = performance.now();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (!line || (this.overdrawn() && line.startsWith('{"kind":"events"'))) continue;
        const began = performance.now();
        this.take(JSON.parse(line) as Message);
        this.budget.spent += performance.now() - began;
        if (performance.now() - breath > 12) {
          await sleep(0); // so that frames are drawn and keys are heard
          breath = performance.now();
        }
      }
    }
    if (this.link !== "ended" && this.link !== "recording") this.link = "lost"; // the process ended hard
  }

  // Where events take more time than there is to spare it leaves batches out, unread. Their numbers tell how many events that were.
  private overdrawn() {
    if (this.recording) return false; // nothing is late
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.budget.second) this.budget = { second, spent: 0 };
    return this.budget.spent > this.spare;
  }

  private take(m: Message) {
    switch (m.kind) {
      case "hello":
        this.link = m.recording ? "recording" : "live";
        this.recording = m.recording;
        if (m.recording) this.history.keptEnded = 100_000; // one goes back in it
        this.nextSeq = m.seq ?? 0;
        if (m.hello) this.show(m.hello);
        break;
      case "events":
        this.takeEvents(m);
        return; // a sample or a picture tells the views soon enough
      case "sample":
        this.takeSample(m.sample!);
        break;
      case "end":
        if (this.recording) break; // all has been read
        this.link = "ended";
        this.reason = m.reason ?? "";
    }
    this.changed();
  }

  private takeEvents(m: Message) {
    const events = m.events ?? [];
    const missing = m.seq === undefined ? (m.dropped ?? 0) : Math.max(0, m.seq - this.nextSeq);
    if (missing) {
      this.skipped += missing - (m.dropped ?? 0);
      if (events.length) this.history.gap(this.history.end, events[0].time);
    }
    this.nextSeq = (m.seq ?? this.nextSeq) + events.length;
    this.seen += events.length + missing;
    this.events += events.length;
    for (const e of events) {
      this.history.add(e);
      if (e.kind === "ended" && e.task) this.noteEnd(e);
      if (this.watched && (e.task === this.watched || e.through?.includes(this.watched))) {
        this.watchedEvents.push(e);
        if (this.watchedEvents.length > 400) this.watchedEvents.splice(0, 200);
      }
    }
    if (events.length) this.tick(events[events.length - 1].time);
  }

  private noteEnd(e: Event) {
    this.ended.set(e.task!, { ...e, name: e.name ?? this.history.lanes.get(e.task!)?.name });
    if (this.ended.size > 2000) this.ended.delete(this.ended.keys().next().value!);
  }

  private takeSample(s: Sample) {
    this.eventRate = this.seen;
    this.seen = 0;
    this.dropped = s.dropped;
    this.lag.add(s.lag);
    this.samples.push(s);
    if (this.samples.length > 600) this.samples.shift();
    this.tick(s.time);
  }

  private tick(time: number) {
    if (time > this.clock.time) this.clock = { time, at: performance.now() };
  }

  private show(picture: Picture) {
    this.picture = picture;
    this.process = picture.process;
    this.tasks = new Map(picture.tasks?.map((t) => [t.id, t]));
    this.tick(picture.loop.time);
    if (this.recording && this.events) return; // its events have told all
    for (const t of this.tasks.values()) this.history.meet(t.id, t.name, stateOf(t), picture.loop.time);
  }

  private async askPictures() {
    for (;;) {
      const began = performance.now();
      const at = this.recording?.at;
      const picture = await get<Picture>("snapshot" + which(at));
      if (this.link === "ended" && typeof picture === "string") return;
      this.trouble = typeof picture === "string" ? picture : "";
      if (typeof picture !== "string") this.show(picture);
      this.changed();
      await this.pause(at, began);
    }
  }

  // What is wrong is asked for by itself: while the loop is blocked there is no picture, and that is when it matters.
  private async askFindings() {
    for (;;) {
      const began = performance.now();
      const at = this.recording?.at;
      const findings = await get<Findings>("findings" + which(at));
      if (this.link === "ended" && typeof findings === "string") return;
      if (typeof findings !== "string") {
        this.asked = true;
        this.process = findings.process;
        this.findings = findings.findings ?? [];
        this.partial = findings.partial ?? "";
      }
      this.changed();
      await this.pause(at, began);
    }
  }

  // Between two questions: so that they take less than a tenth of the time; of a recording until another picture is wanted.
  private async pause(at: number | undefined, began: number) {
    if (!this.recording) await sleep(Math.max(1000, 9 * (performance.now() - began)));
    else if (this.recording.at === at) await new Promise<void>((again) => this.sought.add(again));
  }
}

const which = (at?: number) => (at === undefined ? "" : `?at=${at}`);

const sleep = (ms: number) => new Promise((wake) => setTimeout(wake, ms));

// Returns what was asked for, or in words why there is none.
export async function get<T extends object>(path: string): Promise<T | string> {
  try {
    const answer = await fetch("api/" + path);
    const body = await answer.json();
    return answer.ok ? (body as T) : String(body.error ?? answer.statusText);
  } catch {
    return "the process does not answer";
  }
}

export const model = new Model();
Object.assign(globalThis, { asyncio: model }); // for the browser's console

// Draws the component again when the model has changed.
export function useModel(): Model {
  const [, again] = useState(0);
  useEffect(() => model.subscribe(() => again((n) => n + 1)), []);
  return model;
}
