"""The workloads with CPython's asyncio: python3 asyncio_peer.py PEER WORKLOAD N

PEER is cpython, cpython-eager (tasks start eagerly) or uvloop. bench/workload.go describes
the workloads. The program prints a reading; its n is 0 if the workload is not implemented.
"""

import asyncio
import gc
import json
import random
import resource
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor


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
        await asyncio.create_task(noop())


async def spawn_gather(m, batch=1000):
    for _ in range(m.n // batch):
        tasks = [asyncio.create_task(noop()) for _ in range(batch)]
        m.hold()
        await asyncio.gather(*tasks)


async def spawn_million(m):
    await spawn_gather(m, m.n)


async def yield_one(m):
    for _ in range(m.n):
        await asyncio.sleep(0)


async def yield_ring(m):
    async def member():
        for _ in range(m.n // 1000):
            await asyncio.sleep(0)

    await asyncio.gather(*[member() for _ in range(1000)])


async def wake_pingpong(m):
    new_future = asyncio.get_running_loop().create_future

    async def other(here):
        while (back := await here) is not None:
            here = new_future()
            back.set_result(here)

    to = new_future()
    task = asyncio.create_task(other(to))
    for _ in range(m.n):
        back = new_future()
        to.set_result(back)
        to = await back
    to.set_result(None)
    await task


async def suspended_million(m):
    event = asyncio.Event()
    tasks = [asyncio.create_task(event.wait()) for _ in range(m.n)]
    await asyncio.sleep(0)
    m.hold()
    m.start()
    event.set()
    for t in tasks:
        await t
    m.stop()


async def timers(m):
    below = m.n * 5e-6
    tasks = [asyncio.create_task(asyncio.sleep(random.random() * below)) for _ in range(m.n)]
    for t in tasks:
        await t


async def cancel(m):
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(m.n)]
    await asyncio.sleep(0)
    m.start()
    for t in tasks:
        t.cancel()
    await asyncio.wait(tasks)
    m.stop()


async def queue(m):
    q = asyncio.Queue(128)

    async def produce():
        for i in range(m.n):
            await q.put(i)

    task = asyncio.create_task(produce())
    for _ in range(m.n):
        await q.get()
    await task


async def lock(m):
    lock = asyncio.Lock()

    async def member():
        for _ in range(m.n // 100):
            async with lock:
                await asyncio.sleep(0)

    await asyncio.gather(*[member() for _ in range(100)])


async def taskgroup_tree(m):
    async def branch(depth):
        if depth > 0:
            async with asyncio.TaskGroup() as tg:
                for _ in range(10):
                    tg.create_task(branch(depth - 1))

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
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(100))

    async def member():
        for _ in range(m.n // 100):
            await asyncio.to_thread(int)

    await asyncio.gather(*[member() for _ in range(100)])


async def threadsafe(m):
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = m.n

    def call():
        nonlocal left
        left -= 1
        if left == 0:
            done.set_result(None)

    def caller():
        for _ in range(m.n):
            loop.call_soon_threadsafe(call)

    threading.Thread(target=caller).start()
    await done


async def timeout_wrap(m):
    for _ in range(m.n):
        async with asyncio.timeout(60):
            await asyncio.sleep(0)


WEIGHED = "spawn_million", "suspended_million"
NEEDS = {"taskgroup_tree": "TaskGroup", "timeout_wrap": "timeout"}  # since 3.11


def measure(peer, name, n):
    workload = globals()[name]
    factory = asyncio.new_event_loop
    if peer == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop

    def run(n, weigh=False):
        async def main():
            if peer == "cpython-eager":
                asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
            m = Meter(n, weigh)
            await workload(m)
            m.stop()
            return m

        loop = factory()
        try:
            m = loop.run_until_complete(main())
            loop.run_until_complete(loop.shutdown_default_executor())
            return m
        finally:
            loop.close()

    step = {"spawn_gather": 1000, "yield_ring": 1000, "taskgroup_tree": 111110}.get(name, 100)
    warm = run(n if name in WEIGHED else max(n // 10 // step, 1) * step, name in WEIGHED)
    gc.collect()
    m = run(n)
    wall, cpu = (end - begin for begin, end in zip(m.began, m.ended))
    return {"n": n, "ns": wall * 1e9, "cpu": cpu * 1e9, "bytes": warm.held / warm.n}


peer, name, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
if name not in globals() or not hasattr(asyncio, NEEDS.get(name, "run")):
    print(json.dumps({"n": 0}))
else:
    print(json.dumps(measure(peer, name, n)))
