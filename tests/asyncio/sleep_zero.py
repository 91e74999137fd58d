# sleep(0) goes to the back: tasks take turns, in the order of their creation.
import asyncio

async def worker(name):
    for n in range(3):
        print(name, n)
        await asyncio.sleep(0)

async def main():
    tasks = [asyncio.create_task(worker(name)) for name in "ABC"]
    print("created")
    for task in tasks:
        await task

asyncio.run(main())
