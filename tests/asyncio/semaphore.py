# A semaphore lets in who came first; never more than its permits.
import asyncio

async def worker(name, semaphore):
    async with semaphore:
        print(name, "in")
        await asyncio.sleep(0.01)
        print(name, "out")

async def main():
    semaphore = asyncio.Semaphore(2)
    await asyncio.gather(*(worker(name, semaphore) for name in "ABCDE"))

asyncio.run(main())
