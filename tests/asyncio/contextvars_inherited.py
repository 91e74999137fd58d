# A child task sees its parent's values as they were when it was made; what it sets stays its own.
import asyncio, contextvars

request = contextvars.ContextVar("request")

async def child():
    print("child sees", request.get())
    request.set("child's")

async def main():
    request.set("parent's")
    task = asyncio.create_task(child())
    await task
    print("parent sees", request.get())

asyncio.run(main())
