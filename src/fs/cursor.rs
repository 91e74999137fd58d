//! What a file's operations share: the one that is under way, the bytes that were read and not taken, and the write
//! error that nobody was told of.
//!
//! A future of a file may be dropped while its job runs, and no job can be stopped. So the job belongs to the file
//! and not to the future: the next operation waits for it first, and takes over what it brought. The kernel's
//! position may therefore be ahead of the user's, by the bytes that are unread; all that uses the position but
//! reading goes back by so many first.

use std::fs;
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Operation;
use super::operation::named;

/// No read or write moves more at once, so that a huge buffer is not copied whole.
const MOST: usize = 2 << 20;

pub(super) struct Cursor {
    file: Arc<fs::File>,
    /// For errors. What came from `std` has none.
    path: Option<Arc<Path>>,
    unread: Unread,
    /// Of a write whose future was dropped, or that was acknowledged before it was done.
    failed: Option<io::Error>,
    busy: Option<(Purpose, Operation<Done>)>,
}

/// What was read and not taken yet.
#[derive(Default)]
struct Unread {
    bytes: Vec<u8>,
    taken: usize,
    /// What the read found behind these bytes, if nobody was told yet: the end, or an error.
    then: Option<io::Result<()>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    Write,
    Seek(SeekFrom),
    SetLen,
    /// The position of the file itself becomes the user's.
    Settle,
}

/// What a job brought.
enum Done {
    /// Bytes, which may have come before an error.
    Read(Vec<u8>, io::Result<u64>),
    Other {
        /// The position was set back to the user's, so what was unread will be read again.
        went_back: bool,
        result: io::Result<u64>,
    },
}

/// An operation that has ended, and what it gave. But what a read gave is in `unread`, and a write's error in `failed`.
type Ended = (Purpose, io::Result<u64>);

impl Unread {
    fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// What a read gets; `None` if one must be done.
    fn take(&mut self, into: &mut [u8]) -> Option<io::Result<usize>> {
        let most = self.rest().len().min(into.len());
        if most == 0 {
            return self.then.take().map(|then| then.map(|()| 0));
        }
        into[..most].copy_from_slice(&self.rest()[..most]);
        self.taken += most;
        Some(Ok(most))
    }

    /// The allocation, to read into, if all that was in it is taken.
    fn spare(&mut self) -> Vec<u8> {
        if self.rest().is_empty() { self.take_all() } else { Vec::new() }
    }

    fn take_all(&mut self) -> Vec<u8> {
        self.taken = 0;
        mem::take(&mut self.bytes)
    }

    fn add(&mut self, bytes: Vec<u8>, read: io::Result<u64>) {
        if self.rest().is_empty() {
            (self.bytes, self.taken) = (bytes, 0);
        } else {
            self.bytes.extend(bytes);
        }
        self.then = match read {
            Ok(1..) => None,
            read => Some(read.map(drop)),
        };
    }
}

impl Purpose {
    fn verb(self) -> &'static str {
        match self {
            Purpose::Read => "read",
            Purpose::Write => "write",
            Purpose::Seek(_) | Purpose::Settle => "seek in",
            Purpose::SetLen => "set the length of",
        }
    }
}

impl Cursor {
    pub(super) fn new(file: fs::File, path: Option<Arc<Path>>) -> Cursor {
        Cursor { file: Arc::new(file), path, unread: Unread::default(), failed: None, busy: None }
    }

    pub(super) fn path(&self) -> Option<&Arc<Path>> {
        self.path.as_ref()
    }

    pub(super) fn file(&self) -> &fs::File {
        &self.file
    }

    /// The file itself; a clone of it if a job is still at it.
    pub(super) fn into_file(self) -> io::Result<fs::File> {
        Arc::try_unwrap(self.file).or_else(|shared| shared.try_clone())
    }

    /// An operation on the file beside those that use its position.
    pub(super) fn aside<T: Send + 'static>(
        &self,
        site: &'static Location<'static>,
        verb: &'static str,
        work: impl FnOnce(&fs::File) -> io::Result<T> + Send + Sync + 'static,
    ) -> Operation<T> {
        let (file, path) = (self.file.clone(), self.path.clone());
        Operation::new(site, move || {
            let result = work(&file);
            drop(file); // before the result is told, so that `into_file` finds it alone
            result.map_err(|error| name(error, verb, path.as_deref()))
        })
    }

    /// Queues the next operation; the one before has ended. It is done whatever becomes of the future that wants it.
    fn begin(
        &mut self,
        site: &'static Location<'static>,
        purpose: Purpose,
        work: impl FnOnce(&fs::File) -> Done + Send + Sync + 'static,
    ) -> io::Result<()> {
        debug_assert!(self.busy.is_none());
        let operation = self.aside(site, purpose.verb(), |file| Ok(work(file)));
        self.busy = Some((purpose, operation.bind()?));
        Ok(())
    }

    fn begin_read(
        &mut self,
        site: &'static Location<'static>,
        read: impl FnOnce(&mut &fs::File, &mut Vec<u8>) -> io::Result<usize> + Send + Sync + 'static,
    ) -> io::Result<()> {
        let mut bytes = self.unread.spare();
        self.begin(site, Purpose::Read, move |mut file| {
            let result = read(&mut file, &mut bytes);
            Done::Read(bytes, result.map(|n| n as u64))
        })
    }

    fn begin_other(
        &mut self,
        site: &'static Location<'static>,
        purpose: Purpose,
        work: impl FnOnce(&mut &fs::File) -> io::Result<u64> + Send + Sync + 'static,
    ) -> io::Result<()> {
        let ahead = self.unread.rest().len();
        self.begin(site, purpose, move |mut file| match go_back(file, ahead) {
            Ok(went_back) => Done::Other { went_back, result: work(&mut file) },
            Err(error) => Done::Other { went_back: false, result: Err(error) },
        })
    }

    /// Waits for the operation that is under way, if there is one, and takes over what it brought.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Ended>>> {
        let Some((purpose, operation)) = &mut self.busy else { return Poll::Ready(Ok(None)) };
        let (purpose, done) = (*purpose, ready!(Pin::new(operation).poll(cx)));
        self.busy = None;
        let named =
            |result: io::Result<u64>| result.map_err(|error| name(error, purpose.verb(), self.path.as_deref()));
        let result = match done? {
            Done::Read(bytes, result) => {
                let result = named(result);
                self.unread.add(bytes, result);
                return Poll::Ready(Ok(None));
            }
            Done::Other { went_back, result } => {
                let result = named(result);
                if went_back {
                    self.unread.take_all();
                }
                self.unread.then.take_if(|then| then.is_ok()); // the end may be elsewhere now
                result
            }
        };
        Poll::Ready(Ok(Some(match (purpose, result) {
            (Purpose::Write, Err(error)) => {
                self.failed = Some(error);
                (purpose, Ok(0))
            }
            ended => ended,
        })))
    }

    /// As `poll_idle`; and gives the error of a write that nobody was told of.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Ended>>> {
        let ended = ready!(self.poll_idle(cx))?;
        Poll::Ready(self.failed.take().map_or(Ok(ended), Err))
    }

    /// Waits until nothing is under way.
    pub(super) async fn settled(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_settled(cx)).await.map(drop)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_settled(cx).map_ok(drop)
    }

    /// Does something that uses the position, after what is under way.
    pub(super) async fn act(
        &mut self,
        site: &'static Location<'static>,
        purpose: Purpose,
        work: impl FnOnce(&mut &fs::File) -> io::Result<u64> + Send + Sync + 'static,
    ) -> io::Result<u64> {
        self.settled().await?;
        self.begin_other(site, purpose, work)?;
        let ended = poll_fn(|cx| self.poll_settled(cx)).await?;
        ended.expect("it was begun, and nobody else could wait for it").1
    }

    /// Waits until nothing is under way and nothing is unread, so that the file may leave this cursor.
    pub(super) async fn at_rest(&mut self, site: &'static Location<'static>) -> io::Result<()> {
        self.settled().await?;
        if !self.unread.rest().is_empty() {
            self.act(site, Purpose::Settle, |_| Ok(0)).await?;
        }
        Ok(())
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        site: &'static Location<'static>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            ready!(self.poll_idle(cx))?;
            if let Some(read) = self.unread.take(buffer) {
                return Poll::Ready(read);
            }
            let room = buffer.len().min(MOST);
            self.begin_read(site, move |file, bytes| {
                bytes.resize(room, 0);
                let result = read_some(file, bytes);
                bytes.truncate(*result.as_ref().unwrap_or(&0));
                result
            })?;
        }
    }

    /// Reads to the end, and takes it all if `accept` finds it good; else it stays unread.
    pub(super) async fn read_rest<T>(
        &mut self,
        site: &'static Location<'static>,
        accept: impl FnOnce(&[u8]) -> io::Result<T>,
    ) -> io::Result<T> {
        poll_fn(|cx| self.poll_idle(cx)).await?;
        if self.unread.then.is_none() {
            self.begin_read(site, |file, bytes| {
                bytes.clear();
                file.read_to_end(bytes)
            })?;
            poll_fn(|cx| self.poll_idle(cx)).await?;
        }
        self.unread.then.take().transpose()?;
        let accepted = accept(self.unread.rest())?;
        self.unread = Unread::default();
        Ok(accepted)
    }

    /// Writes what one job may; how much.
    pub(super) async fn write(&mut self, site: &'static Location<'static>, bytes: &[u8]) -> io::Result<usize> {
        let chunk = bytes[..bytes.len().min(MOST)].to_vec();
        let length = chunk.len();
        self.act(site, Purpose::Write, move |file| file.write_all(&chunk).map(|()| 0)).await?;
        Ok(length)
    }

    /// As `write`, but it is acknowledged when it is queued; `poll_flush`, or what comes next, gives its error.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        site: &'static Location<'static>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_settled(cx))?;
        let chunk = bytes[..bytes.len().min(MOST)].to_vec();
        let length = chunk.len();
        self.begin_other(site, Purpose::Write, move |file| file.write_all(&chunk).map(|()| 0))?;
        Poll::Ready(Ok(length))
    }

    pub(super) fn poll_seek(
        &mut self,
        cx: &mut Context<'_>,
        site: &'static Location<'static>,
        to: SeekFrom,
    ) -> Poll<io::Result<u64>> {
        loop {
            if let Some((Purpose::Seek(sought), result)) = ready!(self.poll_settled(cx))?
                && sought == to
            {
                return Poll::Ready(result);
            }
            self.begin_other(site, Purpose::Seek(to), move |file| file.seek(to))?;
        }
    }
}

/// Sets the position back by what was read ahead. `false`: the file has no position, being a pipe or a terminal.
fn go_back(mut file: &fs::File, ahead: usize) -> io::Result<bool> {
    if ahead == 0 {
        return Ok(true);
    }
    let ahead = i64::try_from(ahead).expect("no allocation is larger than isize::MAX");
    match file.seek(SeekFrom::Current(-ahead)) {
        Err(error) if error.kind() == io::ErrorKind::NotSeekable => Ok(false),
        result => result.map(|_| true),
    }
}

fn read_some(file: &mut &fs::File, into: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn name(error: io::Error, verb: &str, path: Option<&Path>) -> io::Error {
    match path {
        Some(path) => named(error, verb, path),
        None => error,
    }
}
