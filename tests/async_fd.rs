//! Readiness of descriptors that are not sockets of this crate.
#![cfg(unix)]

use std::cell::{Cell, OnceCell, RefCell};
use std::fs::File;
use std::future::{Future, pending, poll_fn};
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use glassloop::net::{AsyncFd, AsyncFdReadyGuard, Direction};
use glassloop::time::timeout;
use glassloop::{Builder, Runtime, Waits, spawn, yield_now};

/// As [`glassloop::run`]; a wake that is lost ends the test instead of hanging it.
#[track_caller]
fn run<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(30);
    glassloop::run(async { timeout(limit, future).await.expect("a wake was lost") })
}

fn nonblocking(fd: impl AsFd) {
    rustix::io::ioctl_fionbio(fd, true).unwrap();
}

/// A pipe whose ends do not block.
fn pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    nonblocking(&reader);
    nonblocking(&writer);
    (reader, writer)
}

/// Polls once with the running task's own waker.
async fn poll_here<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Where in this file each wait was begun, and for what.
fn waits() -> Vec<(Direction, u32)> {
    let dump = glassloop::dump().unwrap();
    let waits = dump.tasks().iter().flat_map(|task| &task.waits);
    let lines = waits.filter_map(|wait| match wait {
        Waits::Source { direction, site: Some(site), .. } if site.file() == file!() => {
            Some((*direction, site.line()))
        }
        _ => None,
    });
    lines.collect()
}

/// Writes until the system takes no more; how much that was.
fn fill(mut writer: &PipeWriter) -> usize {
    let mut written = 0;
    loop {
        match writer.write(&[7; 4096]) {
            Ok(n) => written += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return written,
            Err(error) => panic!("{error}"),
        }
    }
}

// ---- waiting

#[test]
fn a_reader_waits_until_there_is_something_to_read() {
    run(async {
        let (reader, mut writer) = pipe();
        let reader = AsyncFd::new(reader).unwrap();
        let task = spawn(async move {
            let mut buffer = [0; 8];
            let length = reader.async_io(Direction::Read, |mut pipe| pipe.read(&mut buffer)).await.unwrap();
            buffer[..length].to_vec()
        });
        yield_now().await;
        assert_eq!(waits().len(), 1);
        writer.write_all(b"hello").unwrap();
        assert_eq!(task.await.unwrap(), b"hello");
    });
}

#[test]
fn readable_speaks_the_truth_from_the_first_time_on() {
    // A descriptor that blocks may be asked only once it is known to be ready; so no try comes first, as sockets do.
    run(async {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = AsyncFd::new(reader).unwrap();
        for _ in 0..3 {
            yield_now().await;
            assert!(poll_here(&mut Box::pin(reader.readable())).await.is_pending());
        }
        writer.write_all(b"x").unwrap();
        let mut guard = reader.readable().await.unwrap();
        guard.get_inner().read_exact(&mut [0]).unwrap();
        guard.clear_ready();
        assert!(poll_here(&mut Box::pin(reader.readable())).await.is_pending());
        writer.write_all(b"y").unwrap();
        reader.readable().await.unwrap().get_ref().get_ref().read_exact(&mut [0]).unwrap();
    });
}

#[test]
fn what_was_there_before_is_reported() {
    run(async {
        let (reader, mut writer) = pipe();
        writer.write_all(b"early").unwrap();
        let reader = AsyncFd::new(reader).unwrap();
        let mut buffer = [0; 8];
        assert_eq!(reader.async_io(Direction::Read, |mut pipe| pipe.read(&mut buffer)).await.unwrap(), 5);
    });
}

#[test]
fn a_direction_stays_ready_until_somebody_says_that_it_is_used_up() {
    run(async {
        let (reader, mut writer) = pipe();
        let reader = AsyncFd::new(reader).unwrap();
        writer.write_all(b"ab").unwrap();
        // One byte is left, of which the kernel will not speak again.
        let mut guard = reader.readable().await.unwrap();
        assert_eq!(guard.try_io(|fd| fd.get_ref().read(&mut [0])).unwrap().unwrap(), 1);
        guard.retain_ready();
        let mut guard = reader.readable().await.unwrap();
        assert_eq!(guard.try_io(|fd| fd.get_ref().read(&mut [0; 8])).unwrap().unwrap(), 1);
        let error = guard.try_io(|fd| fd.get_ref().read(&mut [0; 8])).unwrap_err();
        assert_eq!(error.to_string(), "the operation would block; wait until the descriptor is ready again");
        assert!(poll_here(&mut Box::pin(reader.readable())).await.is_pending());
    });
}

#[test]
fn a_writer_waits_for_room_and_is_woken() {
    run(async {
        let (mut reader, writer) = pipe();
        let filled = fill(&writer);
        let writer = AsyncFd::new(writer).unwrap();
        let task = spawn(async move {
            let written = writer.async_io(Direction::Write, |mut pipe| pipe.write(b"more")).await.unwrap();
            let _guard = writer.writable().await.unwrap();
            written
        });
        yield_now().await;
        assert_eq!(waits()[0].0, Direction::Write);
        reader.read_exact(&mut vec![0; filled]).unwrap();
        assert_eq!(task.await.unwrap(), 4);
        reader.read_exact(&mut [0; 4]).unwrap();
    });
}

#[test]
fn one_descriptor_waits_for_both_directions_at_once() {
    run(async {
        let (ours, mut peer) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = Rc::new(AsyncFd::new(ours).unwrap());
        let reader = spawn({
            let ours = ours.clone();
            async move { ours.async_io(Direction::Read, |mut inner| inner.read(&mut [0; 8])).await.unwrap() }
        });
        assert_eq!(ours.async_io(Direction::Write, |mut inner| inner.write(b"ping")).await.unwrap(), 4);
        peer.read_exact(&mut [0; 4]).unwrap();
        assert!(!reader.is_finished());
        peer.write_all(b"pong!").unwrap();
        assert_eq!(reader.await.unwrap(), 5);
    });
}

#[test]
fn poll_forms_wait_and_are_woken() {
    run(async {
        let (reader, mut writer) = pipe();
        fill(&writer);
        let (reader, polled) = (AsyncFd::new(reader).unwrap(), AsyncFd::new(writer.try_clone().unwrap()).unwrap());
        yield_now().await;
        assert!(poll_fn(|cx| Poll::Ready(polled.poll_write_ready(cx).is_pending())).await);
        let mut guard = poll_fn(|cx| reader.poll_read_ready(cx)).await.unwrap();
        while guard.try_io(|fd| fd.get_ref().read(&mut [0; 65_536])).is_ok() {}
        assert!(poll_fn(|cx| Poll::Ready(reader.poll_read_ready(cx).is_pending())).await);
        poll_fn(|cx| polled.poll_write_ready(cx)).await.unwrap().retain_ready();
        writer.write_all(b"x").unwrap();
        poll_fn(|cx| reader.poll_read_ready(cx)).await.unwrap().retain_ready();
    });
}

#[test]
fn try_io_does_it_at_once_and_notes_a_would_block() {
    run(async {
        let (reader, mut writer) = pipe();
        let reader = AsyncFd::new(reader).unwrap();
        writer.write_all(b"x").unwrap();
        let read = || reader.try_io(Direction::Read, |mut pipe| pipe.read(&mut [0; 8]));
        reader.readable().await.unwrap().retain_ready();
        assert_eq!(read().unwrap(), 1);
        reader.readable().await.unwrap().retain_ready(); // of the byte that is gone: nobody has said so
        assert_eq!(read().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(poll_here(&mut Box::pin(reader.readable())).await.is_pending());
    });
}

#[test]
fn an_operation_that_was_interrupted_is_done_again_and_another_error_is_given() {
    run(async {
        let (_reader, writer) = pipe();
        let writer = AsyncFd::new(writer).unwrap();
        let tries = Cell::new(0);
        let result: io::Result<()> = writer
            .async_io(Direction::Write, |_| {
                tries.set(tries.get() + 1);
                Err(if tries.get() < 3 { ErrorKind::Interrupted } else { ErrorKind::BrokenPipe }.into())
            })
            .await;
        assert_eq!((result.unwrap_err().kind(), tries.get()), (ErrorKind::BrokenPipe, 3));
    });
}

#[test]
fn a_wait_that_times_out_leaves_no_waiter() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (reader, _writer) = pipe();
        let reader = AsyncFd::new(reader).unwrap();
        assert!(timeout(Duration::from_secs(3600), reader.readable()).await.is_err());
        assert_eq!(waits(), []);
    });
    assert!(runtime.try_block_on(pending::<()>()).is_err(), "an idle descriptor is not a wait");
}

#[test]
fn a_dump_names_the_place_of_each_operation() {
    run(async {
        let (reader, _writer) = pipe();
        let reader = Rc::new(AsyncFd::new(reader).unwrap());
        let waiting = reader.clone();
        let first = spawn(async move { drop(waiting.readable().await) });
        let line = line!() - 1;
        let second = spawn(async move {
            let _ = reader.async_io(Direction::Read, |mut pipe| pipe.read(&mut [0])).await;
        });
        yield_now().await;
        assert_eq!(waits(), [(Direction::Read, line), (Direction::Read, line + 3)]);
        drop((first, second));
    });
}

#[test]
fn a_dump_names_the_place_that_polled_last_where_polls_share_a_wait() {
    run(async {
        let (reader, _writer) = pipe();
        let reader = AsyncFd::new(reader).unwrap();
        let is_pending = |cx: &mut Context<'_>| Poll::Ready(reader.poll_read_ready(cx).is_pending());
        let again = |cx: &mut Context<'_>| Poll::Ready(reader.poll_read_ready(cx).is_pending());
        let lines = || waits().into_iter().map(|(_, line)| line).collect::<Vec<_>>();
        let first = line!() - 3;

        assert!(poll_fn(is_pending).await);
        assert_eq!(lines(), [first]);
        assert!(poll_fn(again).await);
        assert_eq!(lines(), [first + 1]);

        assert!(reader.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(lines(), []);
        assert!(poll_fn(is_pending).await);
        assert_eq!(lines(), [first]);
    });
}

// ---- ends

#[test]
fn a_reader_that_waits_hears_of_the_end() {
    run(async {
        let (reader, writer) = pipe();
        let reader = AsyncFd::new(reader).unwrap();
        let task = spawn(async move { reader.async_io(Direction::Read, |mut pipe| pipe.read(&mut [0])).await });
        yield_now().await;
        drop(writer);
        assert_eq!(task.await.unwrap().unwrap(), 0);
    });
}

#[test]
fn a_writer_that_waits_hears_that_its_reader_is_gone() {
    run(async {
        let (reader, writer) = pipe();
        fill(&writer);
        let writer = AsyncFd::new(writer).unwrap();
        let task = spawn(async move { writer.async_io(Direction::Write, |mut pipe| pipe.write(b"x")).await });
        yield_now().await;
        drop(reader);
        assert_eq!(task.await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

// ---- what cannot be polled

#[cfg(target_os = "linux")]
#[test]
fn a_regular_file_is_refused_with_what_to_do_instead() {
    run(async {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let error = AsyncFd::new(&file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(
            error.to_string(),
            "this descriptor cannot be polled: as the kernel sees it, a regular file or a directory is always ready, \
             even where reading it takes long; read and write it inside of `spawn_blocking`"
        );
        // Nothing of it stays behind.
        (&file).read_exact(&mut [0; 4]).unwrap();
    });
}

// ---- what may be inside

#[test]
fn several_may_watch_one_descriptor() {
    run(async {
        let (reader, mut writer) = pipe();
        let one = AsyncFd::new(&reader).unwrap();
        let other = AsyncFd::new(reader.as_fd()).unwrap();
        writer.write_all(b"x").unwrap();
        one.readable().await.unwrap().retain_ready();
        other.readable().await.unwrap().retain_ready();
    });
}

#[test]
fn what_is_inside_need_not_be_send() {
    run(async {
        let (reader, mut writer) = pipe();
        let shared = Rc::new(reader);
        let fd = AsyncFd::new(shared.clone()).unwrap();
        writer.write_all(b"x").unwrap();
        fd.readable().await.unwrap().retain_ready();
        drop(fd);
        assert_eq!(Rc::strong_count(&shared), 1);
    });
}

/// Safe code may answer differently each time it is asked for its descriptor; another's must not suffer from it.
#[test]
fn what_is_inside_may_change_its_descriptor() {
    struct Fickle(Option<PipeReader>, PipeReader, Cell<bool>);
    impl AsFd for Fickle {
        fn as_fd(&self) -> BorrowedFd<'_> {
            let first = self.0.as_ref().filter(|_| !self.2.replace(true));
            first.unwrap_or(&self.1).as_fd()
        }
    }
    run(async {
        let ((first, _first_writer), (second, mut writer)) = (pipe(), pipe());
        let watched = AsyncFd::new(second.try_clone().unwrap()).unwrap();
        let mut fickle = AsyncFd::new(Fickle(Some(first), second, Cell::new(false))).unwrap();
        fickle.get_mut().0 = None; // closed under its feet
        drop(fickle);
        writer.write_all(b"x").unwrap();
        watched.readable().await.unwrap().retain_ready();
    });
}

#[test]
fn what_is_inside_comes_back_and_is_watched_no_more() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let (reader, mut writer) = pipe();
        let mut fd = AsyncFd::new(reader).unwrap();
        assert!(poll_fn(|cx| Poll::Ready(fd.poll_read_ready(cx).is_pending())).await);
        fd.get_mut();
        let mut reader = fd.into_inner();
        assert_eq!(waits(), []);
        writer.write_all(b"x").unwrap();
        reader.read_exact(&mut [0]).unwrap();
        drop(reader);
        assert_eq!(writer.write(b"y").unwrap_err().kind(), ErrorKind::BrokenPipe, "the duplicate is closed too");
    });
}

// ---- other loops, other threads

#[test]
fn outside_of_a_loop_none_can_be_made() {
    let error = AsyncFd::new(pipe().0).unwrap_err();
    assert!(error.to_string().starts_with("AsyncFd was used outside of a glassloop runtime"), "{error}");
}

#[test]
fn one_used_on_another_loop_gives_an_error_that_names_both() {
    let (own, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let fd = own.block_on(async { AsyncFd::new(pipe().0).unwrap() });
    let words =
        format!("this AsyncFd belongs to glassloop runtime {} and was used on runtime {}", own.id(), other.id());
    other.block_on(async {
        let error = fd.readable().await.unwrap_err();
        assert!(error.to_string().starts_with(&words), "{error}");
        let error = fd.try_io(Direction::Read, |_| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with(&words), "{error}");
    });
}

#[test]
fn one_dropped_on_another_thread_is_closed_by_its_loop() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let (reader, writer) = pipe();
        let (reader, writer) = (AsyncFd::new(reader).unwrap(), AsyncFd::new(writer).unwrap());
        assert!(poll_fn(|cx| Poll::Ready(writer.poll_read_ready(cx).is_pending())).await);
        let task = spawn(async move { reader.async_io(Direction::Read, |mut pipe| pipe.read(&mut [0])).await });
        yield_now().await;
        thread::spawn(move || drop(writer)).join().unwrap();
        assert_eq!(task.await.unwrap().unwrap(), 0, "the loop is woken to close the duplicate");
    });
    assert!(runtime.try_block_on(pending::<()>()).is_err(), "nothing waits for it");
}

#[test]
fn one_that_outlives_its_runtime_closes_with_what_is_inside() {
    let runtime = Runtime::new().unwrap();
    let (reader, mut writer) = pipe();
    let reader = runtime.block_on(async { AsyncFd::new(reader).unwrap() });
    drop(runtime);
    writer.write_all(b"x").unwrap();
    drop(reader);
    assert_eq!(writer.write(b"y").unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[test]
fn it_is_send_and_sync_if_what_is_inside_is() {
    fn both<T: Send + Sync + 'static>() {}
    fn send<T: Send>(_: &T) {}
    both::<AsyncFd<File>>();
    both::<AsyncFdReadyGuard<'static, File>>();
    let _never_called = |fd: &AsyncFd<PipeReader>| {
        send(&fd.readable());
        send(&fd.async_io(Direction::Read, |mut pipe| pipe.read(&mut [0])));
    };
}

#[test]
fn news_of_a_descriptor_that_is_gone_do_not_reach_one_that_took_its_slot() {
    thread_local!(static ON_WAKE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) });
    struct Calls;
    impl Wake for Calls {
        fn wake(self: Arc<Self>) {
            ON_WAKE.take().expect("it is woken once")();
        }
    }
    run(async {
        let ((first, mut to_first), (second, mut to_second), (third, _to_third)) = (pipe(), pipe(), pipe());
        let (first, second) = (AsyncFd::new(first).unwrap(), AsyncFd::new(second).unwrap());
        let younger = Rc::new(OnceCell::new());
        let made = younger.clone();
        ON_WAKE.set(Some(Box::new(move || {
            drop(second); // of which the kernel spoke too
            made.set(AsyncFd::new(third).unwrap()).unwrap();
        })));
        let waker = Waker::from(Arc::new(Calls));
        assert!(first.poll_read_ready(&mut Context::from_waker(&waker)).is_pending());
        to_first.write_all(b"1").unwrap();
        to_second.write_all(b"2").unwrap();
        while younger.get().is_none() {
            yield_now().await;
        }
        let younger = younger.get().unwrap();
        assert!(poll_fn(|cx| Poll::Ready(younger.poll_read_ready(cx).is_pending())).await);
    });
}
