# Done callbacks are called in the order in which they were added, before whoever awaited the task after them goes on.
import asyncio

async def child():
    print("child")

async def main():
    task = asyncio.create_task(child())
    task.add_done_callback(lambda _: print("first callback"))
    task.add_done_callback(lambda _: print("second callback"))
    await task
    print("awaited")

asyncio.run(main())
