# What is shielded runs on when its waiter is cancelled.
import asyncio

async def work():
    await asyncio.sleep(0.02)
    print("work done")
    return 42

async def main():
    task = asyncio.create_task(work())
    try:
        await asyncio.wait_for(asyncio.shield(task), 0.01)
    except asyncio.TimeoutError:
        print("gave up")
    print("result", await task)

asyncio.run(main())
