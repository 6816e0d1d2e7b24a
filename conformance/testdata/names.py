# Prints the names that parity.tsv must list: asyncio.__all__, and the public members of the
# classes whose objects programs use.
import asyncio
import contextvars

held = [
    asyncio.Future, asyncio.Task, asyncio.Handle, asyncio.TimerHandle, asyncio.AbstractEventLoop,
    asyncio.Runner, asyncio.TaskGroup, asyncio.Timeout, asyncio.Lock, asyncio.Event, asyncio.Condition,
    asyncio.Semaphore, asyncio.BoundedSemaphore, asyncio.Barrier, asyncio.Queue, asyncio.PriorityQueue,
    asyncio.LifoQueue, contextvars.Context, contextvars.ContextVar, contextvars.Token,
]
names = set(asyncio.__all__)
for cls in held:
    members = dir(asyncio.Condition() if cls is asyncio.Condition else cls)  # an object has its lock's methods
    names.update(cls.__name__ + "." + m for m in members if not m.startswith("_"))
print("\n".join(sorted(names)))
