# A task that is cancelled before its first turn never runs.
import asyncio

async def child():
    print("never printed")

async def main():
    task = asyncio.create_task(child())
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled")

asyncio.run(main())
