# gather(return_exceptions=True) gives every result, in order.
import asyncio

async def work(n):
    await asyncio.sleep(0.01 * n)
    if n == 2:
        raise ValueError("task 2 failed")
    return n

async def main():
    for result in await asyncio.gather(work(1), work(2), work(3), return_exceptions=True):
        print("error" if isinstance(result, Exception) else "result", result)

asyncio.run(main())
