# A waiter that is cancelled leaves the line; the next gets the lock.
import asyncio

async def worker(name, lock):
    try:
        async with lock:
            print(name, "has it")
    except asyncio.CancelledError:
        print(name, "was cancelled")
        raise

async def main():
    lock = asyncio.Lock()
    await lock.acquire()
    tasks = [asyncio.create_task(worker(name, lock)) for name in "ABC"]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    tasks[1].cancel()
    await asyncio.sleep(0.01)
    lock.release()
    await tasks[2]

asyncio.run(main())
