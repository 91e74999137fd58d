# gather gives the results in the order of its arguments, whoever was ready first.
import asyncio

async def fetch(name, delay):
    print("start", name)
    await asyncio.sleep(delay)
    print("done", name)
    return name

async def main():
    print(*await asyncio.gather(fetch("A", 0.03), fetch("B", 0.02), fetch("C", 0.01)))

asyncio.run(main())
