//! Async generators: a stream written as an `async` closure.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use futures_lite::Stream;

use crate::cell::{Cell, Stays};

/// A stream of what `body` yields; asyncio's async generator.
///
/// `body` runs inside of the task that polls the stream, and only while that polls: it does nothing before the first
/// `next`, and after each item it stands still until the item was taken and the next one is asked for. Meanwhile it
/// may await anything. When it returns, the stream ends. A panic in it goes to whoever polls the stream, which has
/// ended then.
///
/// # Closing it early
/// Python needs `aclose()`, or the cleanup of a generator that nobody finishes runs when the collector finds it. Here
/// the stream owns the body: dropping the stream drops the body where it stands, and so runs the destructors of what
/// it holds, at once. Cleanup that must await something belongs behind an explicit `close().await` of whatever the
/// body works on, or into a task.
///
/// # Why not a macro
/// `async_stream::stream!` rewrites the `yield`s of a block; a closure with a [`Yielder`], as in `genawaiter::rc`, is
/// plain Rust to the reader, to rustfmt and to the compiler's messages, and can lend its yielder to other functions.
///
/// # Cancel safety
/// A `next` that is dropped has lost nothing: the body stands where it stood, and goes on at the next `next`.
///
/// # Examples
/// ```
/// use glassloop::stream::{StreamExt, generate};
/// use glassloop::time::{pause, sleep};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let pages = generate(async |yielder| {
///         for page in 1..=3 {
///             sleep(Duration::from_millis(100)).await; // the page comes
///             for item in 0..10 {
///                 yielder.yield_item(10 * page + item).await;
///             }
///         }
///     });
///     let even: Vec<u32> = pages.filter(|item| item % 2 == 0).collect().await;
///     assert_eq!(even.len(), 15);
/// });
/// ```
pub fn generate<T, F, Fut>(body: F) -> Generate<T, Fut>
where
    F: FnOnce(Yielder<T>) -> Fut,
    Fut: Future<Output = ()>,
{
    Generate(Body::new(body))
}

/// As [`generate`], with a `body` that may fail: `?` in it makes the error the last item.
///
/// # Cancel safety
/// As there.
///
/// # Examples
/// ```
/// use glassloop::stream::{StreamExt, try_generate};
///
/// glassloop::run(async {
///     let mut numbers = try_generate(async |yielder| {
///         for word in ["1", "2", "three", "4"] {
///             yielder.yield_item(word.parse::<u32>()?).await;
///         }
///         Ok::<(), std::num::ParseIntError>(())
///     });
///     assert_eq!(numbers.try_next().await, Ok(Some(1)));
///     assert_eq!(numbers.try_next().await, Ok(Some(2)));
///     assert!(numbers.try_next().await.is_err());
///     assert_eq!(numbers.try_next().await, Ok(None));
/// });
/// ```
pub fn try_generate<T, E, F, Fut>(body: F) -> TryGenerate<T, Fut>
where
    F: FnOnce(Yielder<T>) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    TryGenerate(Body::new(body))
}

/// The stream of [`generate`].
#[must_use = "streams do nothing unless polled"]
pub struct Generate<T, Fut: Future>(Body<T, Fut>);

/// The stream of [`try_generate`].
#[must_use = "streams do nothing unless polled"]
pub struct TryGenerate<T, Fut: Future>(Body<T, Fut>);

impl<T, Fut: Future<Output = ()>> Stream for Generate<T, Fut> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match ready!(self.0.poll(cx)) {
            Step::Item(item) => Poll::Ready(Some(item)),
            Step::End(_) => Poll::Ready(None),
        }
    }
}

impl<T, E, Fut: Future<Output = Result<(), E>>> Stream for TryGenerate<T, Fut> {
    type Item = Result<T, E>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, E>>> {
        match ready!(self.0.poll(cx)) {
            Step::Item(item) => Poll::Ready(Some(Ok(item))),
            Step::End(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Step::End(_) => Poll::Ready(None),
        }
    }
}

impl<T, Fut: Future> fmt::Debug for Generate<T, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe("Generate", f)
    }
}

impl<T, Fut: Future> fmt::Debug for TryGenerate<T, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.describe("TryGenerate", f)
    }
}

/// The body and its hand-over place. The body is boxed, so that the stream is `Unpin` and `next` works on it as it is.
struct Body<T, Fut: Future> {
    /// `None` when it has returned or panicked.
    future: Option<Pin<Box<Fut>>>,
    /// What it returned, if an item was still to be taken then.
    returned: Option<Fut::Output>,
    place: Stays<Rc<Place<T>>>,
}

// Nothing in it is pinned but what the box holds.
impl<T, Fut: Future> Unpin for Body<T, Fut> {}

enum Step<T, R> {
    Item(T),
    /// `None`: it was told before.
    End(Option<R>),
}

impl<T, Fut: Future> Body<T, Fut> {
    fn new(body: impl FnOnce(Yielder<T>) -> Fut) -> Body<T, Fut> {
        let place = Stays(Rc::new(Place::default()));
        let future = Box::pin(body(Yielder { place: place.clone() }));
        Body { future: Some(future), returned: None, place }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Step<T, Fut::Output>> {
        if let Some(mut future) = self.future.take() {
            match self.place.during_poll(cx, |cx| future.as_mut().poll(cx)) {
                Poll::Pending => self.future = Some(future),
                Poll::Ready(returned) => self.returned = Some(returned),
            }
        }
        if let Some(item) = self.place.take() {
            return Poll::Ready(Step::Item(item));
        }
        if self.future.is_some() { Poll::Pending } else { Poll::Ready(Step::End(self.returned.take())) }
    }

    fn describe(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name).field("ended", &self.future.is_none()).finish_non_exhaustive()
    }
}

/// Where an item goes from the body to the stream. It holds one at most, and only during a poll of the stream: the
/// stream takes it before that returns.
struct Place<T> {
    item: Cell<Option<T>>,
    /// How many items were put here, and how many taken: equal, or one more put.
    put: Cell<u64>,
    taken: Cell<u64>,
    /// The waker with which the body is being polled, to be compared and never used; `None` between polls.
    polled_with: Cell<Option<Identity>>,
    /// The wakers of yields that were polled with another: by a combinator inside of the body that polls again only
    /// what was woken.
    others: Cell<Vec<Waker>>,
}

type Identity = (*const (), *const std::task::RawWakerVTable);

fn identity(waker: &Waker) -> Identity {
    (waker.data(), std::ptr::from_ref(waker.vtable()))
}

impl<T> Default for Place<T> {
    fn default() -> Place<T> {
        Place {
            item: Cell::default(),
            put: Cell::default(),
            taken: Cell::default(),
            polled_with: Cell::default(),
            others: Cell::default(),
        }
    }
}

impl<T> Place<T> {
    fn during_poll<R>(&self, cx: &mut Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> R) -> R {
        struct End<'a>(&'a Cell<Option<Identity>>);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.set(None);
            }
        }
        self.polled_with.set(Some(identity(cx.waker())));
        let _end = End(&self.polled_with);
        poll(cx)
    }

    fn take(&self) -> Option<T> {
        let item = self.item.take()?;
        self.taken.set(self.taken.get() + 1);
        for waker in self.others.take() {
            waker.wake();
        }
        Some(item)
    }

    /// Remembers a yield that waits. The body's own poll needs no waker: whoever asks for the next item polls it.
    fn wait(&self, cx: &Context<'_>, polled_with: Identity) {
        if identity(cx.waker()) != polled_with {
            let waker = cx.waker().clone(); // foreign code perhaps: before the list is taken out
            let mut others = self.others.take();
            others.push(waker);
            self.others.set(others);
        }
    }
}

/// The body's way to its stream.
pub struct Yielder<T> {
    place: Stays<Rc<Place<T>>>,
}

impl<T> Yielder<T> {
    /// Hands `item` to whoever reads the stream, and waits until the next one is asked for.
    ///
    /// Of several yields at once (by `join!`), each waits for those that were polled before it.
    ///
    /// # Panics
    /// When polled, if not inside of the body: a task that the body spawned cannot yield for it. Let it send by a
    /// channel, whose receiver is a stream.
    ///
    /// # Cancel safety
    /// Dropped after its first poll, the item reaches the reader all the same, unless another yield came before.
    pub fn yield_item(&self, item: T) -> YieldItem<'_, T> {
        YieldItem { place: &self.place, item: Some(item), number: 0 }
    }
}

impl<T> fmt::Debug for Yielder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Yielder").field("yielded", &self.place.put.get()).finish()
    }
}

/// The future of [`Yielder::yield_item`].
#[must_use = "nothing is yielded unless this is `.await`ed"]
pub struct YieldItem<'a, T> {
    place: &'a Place<T>,
    /// Until it is put into the place.
    item: Option<T>,
    /// Its number there, from 1.
    number: u64,
}

// The item is never pinned.
impl<T> Unpin for YieldItem<'_, T> {}

impl<T> Future for YieldItem<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let place = self.place;
        let polled_with = place.polled_with.get().expect(
            "an item was yielded outside of its generator's body, by a task or stream of its own; send it through a \
             channel instead, or yield it in the body",
        );
        if place.taken.get() == place.put.get()
            && let Some(item) = self.item.take()
        {
            place.item.set(Some(item));
            place.put.set(place.put.get() + 1);
            self.number = place.put.get();
        } else if self.item.is_none() && place.taken.get() >= self.number {
            return Poll::Ready(());
        }
        place.wait(cx, polled_with);
        Poll::Pending
    }
}

impl<T> fmt::Debug for YieldItem<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YieldItem").field("put", &self.item.is_none()).finish()
    }
}
