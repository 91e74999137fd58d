# A priority queue gives the smallest first, a LIFO queue the newest.
import asyncio

async def main():
    for queue in (asyncio.Queue(), asyncio.PriorityQueue(), asyncio.LifoQueue()):
        for item in (3, 1, 2):
            queue.put_nowait(item)
        print(type(queue).__name__, *(queue.get_nowait() for _ in range(3)))

asyncio.run(main())
