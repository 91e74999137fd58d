//! A paginated source, read by an async comprehension: each page is fetched when its first item is asked for.

use std::time::Duration;

use glassloop::stream::{Stream, StreamExt, generate};
use glassloop::time::{Instant, pause, sleep};

/// The source: three pages of ten items, 0.1 s each.
async fn fetch(page: u32) -> Option<Vec<u32>> {
    if page == 3 {
        return None;
    }
    sleep(Duration::from_millis(100)).await;
    Some((10 * page..10 * (page + 1)).collect())
}

/// An async generator; Python's `async def` with `yield`.
fn items() -> impl Stream<Item = u32> + Unpin {
    generate(async |yielder| {
        let mut page = 0;
        while let Some(items) = fetch(page).await {
            println!("page {page}: {} items", items.len());
            for item in items {
                yielder.yield_item(item).await;
            }
            page += 1;
        }
    })
}

fn main() {
    glassloop::run(async {
        pause(); // the waits are virtual
        let start = Instant::now();
        let all: Vec<u32> = items().collect().await; // [item async for item in items()]
        println!("{} items after {:?}", all.len(), start.elapsed());

        println!("and only as far as somebody reads:");
        let twelve: Vec<u32> = items().take(12).collect().await;
        println!("{} items, the last is {:?}", twelve.len(), twelve.last());
    });
}

// Output:
// page 0: 10 items
// page 1: 10 items
// page 2: 10 items
// 30 items after 300ms
// and only as far as somebody reads:
// page 0: 10 items
// page 1: 10 items
// 12 items, the last is Some(11)
