# notify(n) wakes the first n who wait; they take the lock one after the other, in that order.
import asyncio

async def waiter(name, condition):
    async with condition:
        await condition.wait()
        print(name, "woke")

async def main():
    condition = asyncio.Condition()
    tasks = [asyncio.create_task(waiter(name, condition)) for name in "ABCD"]
    await asyncio.sleep(0.01)
    async with condition:
        condition.notify(2)
        print("notified 2")
    await asyncio.sleep(0.01)
    async with condition:
        condition.notify_all()
        print("notified all")
    for task in tasks:
        await task

asyncio.run(main())
