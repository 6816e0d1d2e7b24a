import type { Frame, Task, Wait } from "./wire";

// Formats nanoseconds with three significant digits: 1.25 ms.
export function duration(ns: number): string {
  const units: [number, string][] = [[3600e9, "h"], [60e9, "min"], [1e9, "s"], [1e6, "ms"], [1e3, "µs"]]; // prettier-ignore
  const [unit, name] = units.find(([unit]) => Math.abs(ns) >= unit) ?? [1, "ns"];
  return `${Number((ns / unit).toPrecision(3))} ${name}`;
}

export const count = (n: number, noun: string) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

export function waitsFor(w: Wait | undefined, now: number): string {
  if (!w) return "";
  let text = `waits for ${w.kind}`;
  if (w.what) text += ` ${w.what}`;
  if (w.holder_name) text += `, held by ${w.holder_name}`;
  if (w.until) text += w.until > now ? `, due in ${duration(w.until - now)}` : ", due";
  return text;
}

export const place = (f: Frame) => `${f.func}  ${f.file.split("/").slice(-2).join("/")}:${f.line}`;

// Reports whether the task contains all search words.
export function matches(t: Task, words: string[]): boolean {
  if (!words.length) return true;
  const text = `${t.id} ${t.name} ${t.func} ${t.state} ${t.waits?.kind ?? ""} ${t.waits?.what ?? ""} ${t.cancel ? "cancel " + t.cancel.reason : ""}`.toLowerCase();
  return words.every((w) => text.includes(w));
}
