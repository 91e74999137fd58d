# The first failure in a task group cancels the others; it is left when all have ended.
import asyncio

async def works(name, delay):
    try:
        await asyncio.sleep(delay)
        print(name, "done")
    finally:
        print(name, "cleaned up")

async def fails():
    await asyncio.sleep(0.02)
    print("B fails")
    raise ValueError("B")

async def main():
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(works("A", 0.01))
            group.create_task(fails())
            group.create_task(works("C", 0.03))
            print("body done")
        print("not reached")
    except* ValueError as error:
        print("failed:", *error.exceptions)

asyncio.run(main())
