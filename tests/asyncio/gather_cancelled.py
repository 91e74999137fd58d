# Cancelling a gather cancels its children, in their order.
import asyncio

async def child(name):
    try:
        await asyncio.sleep(10)
    finally:
        print(name, "cleaned up")

async def main():
    gather = asyncio.gather(child("A"), child("B"), child("C"))
    await asyncio.sleep(0.01)
    gather.cancel()
    try:
        await gather
    except asyncio.CancelledError:
        print("gather was cancelled")

asyncio.run(main())
