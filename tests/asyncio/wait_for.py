# A task that is too slow is cancelled, and its cleanup has run when the timeout is told.
import asyncio

async def slow():
    try:
        await asyncio.sleep(10)
    finally:
        print("cleaned up")

async def main():
    try:
        await asyncio.wait_for(slow(), 0.01)
    except asyncio.TimeoutError:
        print("timed out")

asyncio.run(main())
