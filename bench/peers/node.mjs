// The workloads in JavaScript: node --expose-gc node.mjs node WORKLOAD N
//
// bench/workload.go describes the workloads. The program prints a reading; its n is 0 if the
// workload is not implemented.
//
// JavaScript has no tasks. The programs use async functions that a promise callback starts.
// They start later, as tasks do; a direct call would run to the first await within the
// caller. JavaScript has no cancellation either. An AbortSignal ends a sleep.

import { Worker } from 'node:worker_threads';
import { setTimeout as sleep } from 'node:timers/promises';

async function noop() {}

const task = (f) => Promise.resolve().then(f);

const workloads = {
  async spawn_await(m) {
    for (let i = 0; i < m.n; i++) await task(noop);
  },

  async spawn_gather(m, batch = 1000) {
    for (let i = 0; i < m.n; i += batch) {
      const tasks = new Array(batch);
      for (let k = 0; k < batch; k++) tasks[k] = task(noop);
      m.hold();
      await Promise.all(tasks);
    }
  },

  async spawn_million(m) {
    await workloads.spawn_gather(m, m.n);
  },

  async yield_one(m) {
    for (let i = 0; i < m.n; i++) await undefined;
  },

  async yield_ring(m) {
    async function member() {
      for (let i = 0; i < m.n / 1000; i++) await undefined;
    }
    await Promise.all(Array.from({ length: 1000 }, member));
  },

  // The futures are passed in variables. If each future carried the next one, a dead future
  // in the old generation would keep all later ones alive, and the program would measure the
  // garbage collector.
  async wake_pingpong(m) {
    let wakeOther, wakeMain;
    const future = (set) => new Promise(set);
    async function other(here) {
      for (let goesOn = await here; goesOn; goesOn = await here) {
        here = future((resolve) => (wakeOther = resolve));
        wakeMain(true);
      }
    }
    const end = other(future((resolve) => (wakeOther = resolve)));
    for (let i = 0; i < m.n; i++) {
      const here = future((resolve) => (wakeMain = resolve));
      wakeOther(true);
      await here;
    }
    wakeOther(false);
    await end;
  },

  async suspended_million(m) {
    let set;
    const event = new Promise((resolve) => (set = resolve));
    async function member() {
      await event;
    }
    const tasks = Array.from({ length: m.n }, member);
    m.hold();
    m.start();
    set();
    for (const t of tasks) await t;
    m.stop();
  },

  async timers(m) {
    const below = m.n * 5e-3; // ms
    await Promise.all(Array.from({ length: m.n }, () => sleep(Math.random() * below)));
  },

  async cancel(m) {
    const controllers = [];
    async function member() {
      const c = new AbortController();
      controllers.push(c);
      await sleep(3600_000, undefined, { signal: c.signal });
    }
    const tasks = Array.from({ length: m.n }, member);
    m.start();
    for (const c of controllers) c.abort();
    await Promise.allSettled(tasks);
    m.stop();
  },

  async taskgroup_tree(m) {
    async function branch(depth) {
      if (depth === 0) return;
      const children = new Array(10);
      for (let k = 0; k < 10; k++) children[k] = task(() => branch(depth - 1));
      await Promise.all(children);
    }
    const [depth, tasks] = tree(m.n);
    for (let i = 0; i < m.n; i += tasks) await branch(depth);
  },

  // The worker sends one message for each call.
  async threadsafe(m) {
    const source = `
      const { parentPort } = require('node:worker_threads');
      parentPort.once('message', (n) => { for (let i = 0; i < n; i++) parentPort.postMessage(0); });`;
    const worker = new Worker(source, { eval: true });
    await new Promise((resolve) => worker.once('online', resolve));
    m.start();
    let left = m.n;
    await new Promise((resolve) => {
      worker.on('message', () => --left === 0 && resolve());
      worker.postMessage(m.n);
    });
    m.stop();
    await worker.terminate();
  },

  async timeout_wrap(m) {
    async function work() {
      await undefined;
    }
    for (let i = 0; i < m.n; i++) {
      let timer;
      const expiry = new Promise((_, reject) => (timer = setTimeout(reject, 60_000, new Error('timed out'))));
      try {
        await Promise.race([work(), expiry]);
      } finally {
        clearTimeout(timer);
      }
    }
  },
};

// Returns the depth and the number of tasks of the largest tree of at most n tasks.
function tree(n) {
  let [depth, tasks] = [0, 0];
  while (depth < 5 && tasks + 10 ** (depth + 1) <= n) tasks += 10 ** ++depth;
  return [depth, tasks];
}

function memory() {
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

// Measures one run, or the part of it between start and stop.
class Meter {
  constructor(n, weigh) {
    this.n = n;
    this.weigh = weigh;
    this.held = 0;
    this.before = weigh ? memory() : 0;
    this.start();
  }
  start() {
    this.stopped = false;
    this.cpu = process.cpuUsage();
    this.wall = process.hrtime.bigint();
  }
  stop() {
    if (this.stopped) return;
    this.stopped = true;
    this.wall = Number(process.hrtime.bigint() - this.wall);
    const { user, system } = process.cpuUsage(this.cpu);
    this.cpu = (user + system) * 1000;
  }
  hold() {
    if (this.weigh) this.held = memory() - this.before;
  }
}

async function run(workload, n, weigh) {
  gc();
  const m = new Meter(n, weigh);
  await workload(m);
  m.stop();
  return m;
}

const [name, n] = [process.argv[3], Number(process.argv[4])];
const workload = workloads[name];
if (workload === undefined) {
  console.log(JSON.stringify({ n: 0 }));
} else {
  const weigh = name.endsWith('_million');
  const step = { spawn_gather: 1000, yield_ring: 1000, taskgroup_tree: 111110 }[name] ?? 100;
  const warm = await run(workload, weigh ? n : Math.max(Math.floor(n / 10 / step), 1) * step, weigh);
  const m = await run(workload, n, false);
  console.log(JSON.stringify({ n, ns: m.wall, cpu: m.cpu, bytes: warm.held / warm.n }));
}
