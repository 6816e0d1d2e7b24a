import { useEffect, useState } from "preact/hooks";
import { History, Log2, stateOf } from "./history";
import type { Event, Finding, Findings, Message, Picture, Process, Sample, Task } from "./wire";

// The data of the page:
//
//   - Snapshots, called pictures in the code, are fetched repeatedly. They feed the tree,
//     the graph and the lists.
//   - The event stream feeds the timeline, the distributions and the list of ended tasks.
//   - The stream of a recording sends all its events at once. The page shows one snapshot
//     of the recording, and the time of this snapshot is the present.

export type Link = "connecting" | "live" | "recording" | "ended" | "lost";

class Model {
  link: Link = "connecting";
  reason = ""; // why the stream ended
  picture?: Picture;
  process?: Process;
  tasks = new Map<number, Task>();
  findings: Finding[] = [];
  asked = false; // whether the findings have been received at least once
  partial = ""; // why some rules could not run; empty if all ran
  trouble = ""; // why the last request for a snapshot failed
  history = new History();
  ended = new Map<number, Event>(); // the end events of the last 2000 tasks that ended
  samples: Sample[] = [];
  lag = new Log2();
  events = 0; // the number of events processed
  eventRate = 0; // events in the last second, with those dropped or skipped
  dropped = 0; // events dropped by the program because this page was too slow
  skipped = 0; // events dropped by this page
  recording?: { times: number[]; at: number }; // snapshot times, index of the one shown
  spare = 400; // milliseconds per second for events; with more the page would stutter
  watched = 0; // the task whose page is open; its events are kept in full
  watchedEvents: Event[] = [];
  private nextSeq = 0;
  private seen = 0; // events since the last sample
  private budget = { second: 0, spent: 0 }; // milliseconds spent on events in the current second
  private clock = { time: 0, at: 0 }; // the last known loop time, and performance.now() then
  private listeners = new Set<() => void>();
  private queued = false;
  private sought = new Set<() => void>(); // called when another snapshot of a recording is selected

  // Returns the loop time. Between two events it is an estimate.
  now() {
    if (this.recording) return this.picture!.loop.time;
    const passed = this.link === "live" ? Math.min(1500, performance.now() - this.clock.at) : 0;
    return Math.max(this.history.end, this.clock.time + passed * 1e6);
  }

  subscribe(listener: () => void) {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  // Notifies the views, at most four times per second.
  private changed() {
    if (this.queued) return;
    this.queued = true;
    setTimeout(() => {
      this.queued = false;
      this.listeners.forEach((notify) => notify());
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

  // Shows another snapshot of a recording.
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
          await sleep(0); // lets the browser draw frames and handle keys
          breath = performance.now();
        }
      }
    }
    if (this.link !== "ended" && this.link !== "recording") this.link = "lost"; // the process died
  }

  // Reports whether events took more time in this second than the budget allows. The page
  // then skips batches unread. The sequence numbers show how many events were skipped.
  private overdrawn() {
    if (this.recording) return false; // a recording is not real-time
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.budget.second) this.budget = { second, spent: 0 };
    return this.budget.spent > this.spare;
  }

  private take(m: Message) {
    switch (m.kind) {
      case "hello":
        this.link = m.recording ? "recording" : "live";
        this.recording = m.recording;
        if (m.recording) this.history.keptEnded = 100_000; // the user can go back in time
        this.nextSeq = m.seq ?? 0;
        if (m.hello) this.show(m.hello);
        break;
      case "events":
        this.takeEvents(m);
        return; // the next sample or snapshot notifies the views soon enough
      case "sample":
        this.takeSample(m.sample!);
        break;
      case "end":
        if (this.recording) break; // a recording stays open after its end
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
    if (this.recording && this.events) return; // its events contain everything
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

  // Findings have requests of their own. While the loop is blocked no snapshot is
  // available, and findings matter most then.
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

  // Waits before the next request, so that requests take at most a tenth of the time. In
  // a recording it waits until another snapshot is selected.
  private async pause(at: number | undefined, began: number) {
    if (!this.recording) await sleep(Math.max(1000, 9 * (performance.now() - began)));
    else if (this.recording.at === at) await new Promise<void>((again) => this.sought.add(again));
  }
}

const which = (at?: number) => (at === undefined ? "" : `?at=${at}`);

const sleep = (ms: number) => new Promise((wake) => setTimeout(wake, ms));

// Returns the response, or an error text.
export async function get<T extends object>(path: string): Promise<T | string> {
  try {
    const answer = await fetch("api/" + path);
    const body = await answer.json();
    return answer.ok ? (body as T) : String(body.error ?? answer.statusText);
  } catch {
    return "the process does not respond";
  }
}

export const model = new Model();
Object.assign(globalThis, { asyncio: model }); // for the browser console

// Rerenders the component when the model changes.
export function useModel(): Model {
  const [, again] = useState(0);
  useEffect(() => model.subscribe(() => again((n) => n + 1)), []);
  return model;
}
