# gather gives the first failure at once; CPython lets the others run on.
import asyncio

async def fails():
    await asyncio.sleep(0.01)
    print("B fails")
    raise ValueError("B")

async def works(name, delay):
    await asyncio.sleep(delay)
    print(name, "done")

async def main():
    try:
        await asyncio.gather(works("A", 0.02), fails(), works("C", 0.03))
    except ValueError as error:
        print("failed:", error)
    await asyncio.sleep(0.05)

asyncio.run(main())
