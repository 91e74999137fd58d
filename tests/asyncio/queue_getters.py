# Items go to those who wait in the order in which they came; a full queue takes from its putters in theirs.
import asyncio

async def getter(name, queue):
    print(name, "got", await queue.get())

async def putter(item, queue):
    await queue.put(item)
    print("put", item)

async def main():
    queue = asyncio.Queue(1)
    getters = [asyncio.create_task(getter(name, queue)) for name in "ABC"]
    await asyncio.sleep(0.01)
    for item in (1, 2, 3):
        await queue.put(item)
        await asyncio.sleep(0.01)
    for task in getters:
        await task
    putters = [asyncio.create_task(putter(item, queue)) for item in (4, 5, 6)]
    await asyncio.sleep(0.01)
    for _ in range(3):
        print("main got", await queue.get())
        await asyncio.sleep(0.01)
    for task in putters:
        await task

asyncio.run(main())
