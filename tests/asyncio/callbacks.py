# A callback queued in a turn runs after those already queued.
import asyncio

async def main():
    loop = asyncio.get_running_loop()
    def first():
        print("first")
        loop.call_soon(lambda: print("queued by first"))
    loop.call_soon(first)
    loop.call_soon(lambda: print("second"))
    await asyncio.sleep(0.01)

asyncio.run(main())
