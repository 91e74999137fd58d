# join waits until task_done was called for every item that was put.
import asyncio

async def worker(name, queue):
    while True:
        item = await queue.get()
        print(name, "works on", item)
        await asyncio.sleep(0.01)
        print(name, "done with", item)
        queue.task_done()

async def main():
    queue = asyncio.Queue()
    for item in range(4):
        queue.put_nowait(item)
    workers = [asyncio.create_task(worker(name, queue)) for name in "AB"]
    await queue.join()
    print("joined")
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)

asyncio.run(main())
