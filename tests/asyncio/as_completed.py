# as_completed gives results in the order in which they come.
import asyncio

async def fetch(name, delay):
    await asyncio.sleep(delay)
    return name

async def main():
    for next_one in asyncio.as_completed([fetch("A", 0.03), fetch("B", 0.01), fetch("C", 0.02)]):
        print(await next_one)

asyncio.run(main())
