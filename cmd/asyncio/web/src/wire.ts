// The messages of package introspect: see its doc.go and wire.go, and package inspect.
// Durations and loop times are in nanoseconds. Empty fields are omitted.

export type Frame = { func: string; file: string; line: number };

export type Wait = {
  kind: string;
  what?: string;
  object?: number;
  future?: number;
  tasks?: number[];
  holder?: number;
  holder_name?: string;
  until?: number;
  since?: string;
  missed?: number;
};

export type Cancel = { by?: string; message?: string; reason: string; through?: string[]; place?: Frame[]; pending?: boolean };

export type Task = {
  id: number;
  name: string;
  state: "new" | "ready" | "running" | "waiting";
  func: string;
  file: string;
  line: number;
  waits?: Wait;
  awaited_by?: { task: number; via?: string }[];
  blocks?: { kind: string; what?: string; until?: number; tasks?: number[] }[];
  group?: number;
  parent?: number;
  cancels?: number;
  cancel?: Cancel;
  made_at?: number;
  made?: Frame[];
  steps?: number;
  ran?: number;
  since?: number;
};

export type Loop = { time: number; taken: string; state: string; ready: number; timers: number; outside: number; turns: number; stopped: number; steps: boolean; places: boolean };

export type Process = { pid: number; name: string; command?: string[]; go: string; watched: boolean; blocked?: string };

export type Picture = {
  process: Process;
  loop: Loop;
  tasks: Task[] | null;
  unread?: { id: number; what: string; error: string; made?: string }[];
};

export type Event = {
  kind: "created" | "started" | "suspended" | "resumed" | "cancel asked" | "ended" | "call begun" | "call ended" | "queue grew";
  time: number;
  task?: number;
  name?: string;
  by?: string;
  by_task?: number;
  through?: number[];
  waits?: Wait;
  message?: string;
  outcome?: "result" | "error" | "cancelled";
  error?: string;
  object?: string;
  size?: number;
};

export type Sample = { taken: string; time: number; lag: number; tasks: number; events: number; dropped: number; blocked?: string };

export type Message = {
  kind: "hello" | "events" | "sample" | "end";
  hello?: Picture;
  seq?: number;
  dropped?: number;
  events?: Event[];
  sample?: Sample;
  reason?: string;
  recording?: { times: number[]; at: number }; // only in the hello of a recording: its snapshot times
};

export type Finding = {
  rule: string;
  severe?: boolean;
  text: string;
  advice: string;
  tasks?: number[];
  cycle?: number[];
  stack?: string;
  since?: number;
  for?: number;
  over?: boolean;
};

export type Findings = { process: Process; findings: Finding[] | null; partial?: string };

export type TaskPage = { task: Task; stack: { frames: Frame[] | null; text: string } };
