# A lock wakes its first waiter first, and whoever gives it back and asks again goes to the end of the line.
import asyncio

async def worker(name, lock):
    for n in range(2):
        async with lock:
            print(name, "has it")
            await asyncio.sleep(0)

async def main():
    lock = asyncio.Lock()
    await asyncio.gather(*(worker(name, lock) for name in "ABC"))

asyncio.run(main())
