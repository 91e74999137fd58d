"""`rival.py asyncio|uvloop`: reads lines `OPERATION COUNT`, does each, and answers with the processor's nanoseconds a
unit: src/bin/rival.rs for Python's loops."""

import asyncio
import sys
import time

BATCH = 1000


async def nothing(n):
    return n


async def spawn_join(count):
    for _ in range(count // BATCH):
        tasks = [asyncio.create_task(nothing(n)) for n in range(BATCH)]
        for n, task in enumerate(tasks):
            assert await task == n


async def ping_pong_channel(count):
    ping, pong = asyncio.Queue(1), asyncio.Queue(1)

    async def other():
        for _ in range(count):
            await pong.put(await ping.get())

    task = asyncio.create_task(other())
    for n in range(count):
        await ping.put(n)
        assert await pong.get() == n
    await task


async def timed(operation, count):
    start = time.process_time_ns()
    await operation(count)
    return (time.process_time_ns() - start) / count


OPERATIONS = {"spawn_join": spawn_join, "ping_pong_channel": ping_pong_channel}

if sys.argv[1] == "uvloop":
    import uvloop

    run = uvloop.run
else:
    run = asyncio.run

for line in sys.stdin:
    name, count = line.split()
    if name in OPERATIONS:
        print(run(timed(OPERATIONS[name], int(count))), 0, flush=True)
    else:
        print("! has no", name, flush=True)
