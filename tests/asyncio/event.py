# set wakes all who wait, in the order in which they came; whoever waits after it goes on at once.
import asyncio

async def waiter(name, event):
    await event.wait()
    print(name, "woke")

async def main():
    event = asyncio.Event()
    tasks = [asyncio.create_task(waiter(name, event)) for name in "ABC"]
    await asyncio.sleep(0.01)
    event.set()
    print("set")
    for task in tasks:
        await task
    await waiter("D", event)
    event.clear()
    print("is set:", event.is_set())

asyncio.run(main())
