"""The workloads with trio: python3 trio_peer.py trio WORKLOAD N

bench/workload.go describes the workloads. The program prints a reading; its n is 0 if the
workload is not implemented. Trio has no futures, so wake_pingpong uses an Event for each.
"""

import gc
import json
import random
import resource
import sys
import threading
import time

import trio
import trio.testing


class Meter:
    """Measures one run, or the part of it between start and stop."""

    def __init__(self, n, weigh=False):
        self.n = n
        self.weigh = weigh
        self.held = 0
        self.before = memory() if weigh else 0
        self.start()

    def start(self):
        self.ended = None
        self.began = time.perf_counter(), time.process_time()

    def stop(self):
        self.ended = self.ended or (time.perf_counter(), time.process_time())

    def hold(self):
        if self.weigh:
            self.held = memory() - self.before


def memory():
    gc.collect()
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize()


async def noop():
    pass


async def spawn_await(m):
    for _ in range(m.n):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(noop)


async def spawn_gather(m, batch=1000):
    for _ in range(m.n // batch):
        async with trio.open_nursery() as nursery:
            for _ in range(batch):
                nursery.start_soon(noop)
            m.hold()


async def spawn_million(m):
    await spawn_gather(m, m.n)


async def yield_one(m):
    for _ in range(m.n):
        await trio.lowlevel.checkpoint()


async def yield_ring(m):
    async def member():
        for _ in range(m.n // 1000):
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for _ in range(1000):
            nursery.start_soon(member)


class Ball:
    """A future whose result is another ball."""

    def __init__(self):
        self.event = trio.Event()
        self.back = None

    def send(self, back):
        self.back = back
        self.event.set()

    async def get(self):
        await self.event.wait()
        return self.back


async def wake_pingpong(m):
    async def other(here):
        while (back := await here.get()) is not None:
            here = Ball()
            back.send(here)

    async with trio.open_nursery() as nursery:
        to = Ball()
        nursery.start_soon(other, to)
        for _ in range(m.n):
            back = Ball()
            to.send(back)
            to = await back.get()
        to.send(None)


async def suspended_million(m):
    event = trio.Event()
    async with trio.open_nursery() as nursery:
        for _ in range(m.n):
            nursery.start_soon(event.wait)
        await trio.testing.wait_all_tasks_blocked()
        m.hold()
        m.start()
        event.set()
    m.stop()


async def timers(m):
    below = m.n * 5e-6
    async with trio.open_nursery() as nursery:
        for _ in range(m.n):
            nursery.start_soon(trio.sleep, random.random() * below)


async def cancel(m):
    """Each task has its own scope, so that each can be cancelled separately."""
    scopes = []

    async def sleeper():
        with trio.CancelScope() as scope:
            scopes.append(scope)
            await trio.sleep(3600)

    async with trio.open_nursery() as nursery:
        for _ in range(m.n):
            nursery.start_soon(sleeper)
        await trio.testing.wait_all_tasks_blocked()
        m.start()
        for scope in scopes:
            scope.cancel()
    m.stop()


async def queue(m):
    send, receive = trio.open_memory_channel(128)

    async def produce():
        async with send:
            for i in range(m.n):
                await send.send(i)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        async for _ in receive:
            pass


async def lock(m):
    lock = trio.Lock()

    async def member():
        for _ in range(m.n // 100):
            async with lock:
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(member)


async def taskgroup_tree(m):
    async def branch(depth):
        if depth > 0:
            async with trio.open_nursery() as nursery:
                for _ in range(10):
                    nursery.start_soon(branch, depth - 1)

    depth, tasks = tree(m.n)
    for _ in range(m.n // tasks):
        await branch(depth)


def tree(n):
    """Return the depth and the number of tasks of the largest tree of at most n tasks."""
    depth = tasks = 0
    while depth < 5 and tasks + 10 ** (depth + 1) <= n:
        depth += 1
        tasks += 10**depth
    return depth, tasks


async def to_thread(m):
    limit = trio.CapacityLimiter(100)

    async def member():
        for _ in range(m.n // 100):
            await trio.to_thread.run_sync(int, limiter=limit)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(member)


async def threadsafe(m):
    token = trio.lowlevel.current_trio_token()
    done = trio.Event()
    left = m.n

    def call():
        nonlocal left
        left -= 1
        if left == 0:
            done.set()

    def caller():
        for _ in range(m.n):
            token.run_sync_soon(call)

    threading.Thread(target=caller).start()
    await done.wait()


async def timeout_wrap(m):
    for _ in range(m.n):
        with trio.fail_after(60):
            await trio.lowlevel.checkpoint()


WEIGHED = "spawn_million", "suspended_million"


def measure(name, n):
    workload = globals()[name]

    def run(n, weigh=False):
        async def main():
            m = Meter(n, weigh)
            await workload(m)
            m.stop()
            return m

        return trio.run(main)

    step = {"spawn_gather": 1000, "yield_ring": 1000, "taskgroup_tree": 111110}.get(name, 100)
    warm = run(n if name in WEIGHED else max(n // 10 // step, 1) * step, name in WEIGHED)
    gc.collect()
    m = run(n)
    wall, cpu = (end - begin for begin, end in zip(m.began, m.ended))
    return {"n": n, "ns": wall * 1e9, "cpu": cpu * 1e9, "bytes": warm.held / warm.n}


_, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
print(json.dumps(measure(name, n) if name in globals() else {"n": 0}))
