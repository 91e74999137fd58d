//! An open file.

use std::fmt;
use std::fs::{self, Metadata, Permissions};
use std::future::Future;
use std::io::{self, SeekFrom};
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::cursor::{Cursor, Purpose};
use super::{OpenOptions, Operation};

/// An open file.
///
/// Each operation is one job on the blocking pool, which moves 2 MiB at most. Operations that use the file's position
/// are done one after the other, in the order in which they were begun.
///
/// Unlike tokio's, [`write`](File::write) returns when the bytes are written, and says itself if that failed; nothing
/// is kept back for `flush`. Only the [polls](File::poll_write) acknowledge bytes that are not written yet.
///
/// Dropping it closes it. What was begun is still done, unless the runtime is dropped before.
///
/// # Errors
/// What the system says, with the path in front; and outside of a running loop. So for all operations.
///
/// # Cancel safety
/// A job that was begun cannot be stopped, so the file waits for it before it does anything else, and takes over
/// what it brought:
/// - a read that is dropped loses nothing: its bytes, or its end or error, are the next read's;
/// - a write that is dropped is done whole, or not at all if it waited for an operation before it; if it fails, the
///   next write, seek, flush, sync or `set_len` says so instead of doing anything;
/// - a seek that is dropped has happened, or not.
///
/// # Examples
/// ```
/// use glassloop::fs::File;
/// use std::io::SeekFrom;
///
/// # fn main() -> std::io::Result<()> {
/// glassloop::run(async {
///     let path = std::env::temp_dir().join(format!("glassloop-file-{}", std::process::id()));
///     let mut file = File::options().read(true).write(true).create(true).open(&path).await?;
///     file.write_all(b"the first, the second").await?;
///     file.seek(SeekFrom::Start(11)).await?;
///     let mut rest = String::new();
///     file.read_to_string(&mut rest).await?;
///     assert_eq!(rest, "the second");
///     glassloop::fs::remove_file(&path).await
/// })
/// # }
/// ```
pub struct File {
    cursor: Cursor,
}

impl File {
    /// Opens a file to read it; see [`OpenOptions::open`].
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> Operation<File> {
        File::options().read(true).open(path)
    }

    /// Opens a file to write it, from its beginning, and makes it or empties it before; see [`OpenOptions::open`].
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> Operation<File> {
        File::options().write(true).create(true).truncate(true).open(path)
    }

    /// Makes a file, to read and write it; it must not be there. See [`OpenOptions::open`].
    #[track_caller]
    pub fn create_new(path: impl AsRef<Path>) -> Operation<File> {
        File::options().read(true).write(true).create_new(true).open(path)
    }

    /// To say how a file is opened.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of `std`. Its errors name no path.
    #[must_use]
    pub fn from_std(file: fs::File) -> File {
        File { cursor: Cursor::new(file, None) }
    }

    pub(super) fn named(file: fs::File, path: Arc<Path>) -> File {
        File { cursor: Cursor::new(file, Some(path)) }
    }

    /// Gives the file to `std`, when what was begun is done. Its position is where the last operation left it.
    ///
    /// # Errors
    /// Also that of a write that nobody was told of; the file is closed then.
    ///
    /// # Cancel safety
    /// Dropped, it has closed the file.
    #[track_caller]
    pub fn into_std(mut self) -> impl Future<Output = io::Result<fs::File>> {
        let site = Location::caller();
        async move {
            self.cursor.at_rest(site).await?;
            self.cursor.into_file()
        }
    }

    /// Reads some bytes; 0 is the end of the file (or an empty `buffer`).
    ///
    /// # Cancel safety
    /// Dropped, it has read nothing: what its job brings is the next read's.
    #[track_caller]
    pub fn read<'a>(&'a mut self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        let site = Location::caller();
        std::future::poll_fn(move |cx| self.cursor.poll_read(cx, site, buffer))
    }

    /// Reads to the end, in one job, and puts it behind what `bytes` holds; how many bytes.
    ///
    /// # Cancel safety
    /// Dropped, it has read nothing: what its job brings is the next read's.
    #[track_caller]
    pub fn read_to_end<'a>(&'a mut self, bytes: &'a mut Vec<u8>) -> impl Future<Output = io::Result<usize>> + 'a {
        let site = Location::caller();
        self.cursor.read_rest(site, move |rest| {
            bytes.extend_from_slice(rest);
            Ok(rest.len())
        })
    }

    /// As [`read_to_end`](File::read_to_end), of text.
    ///
    /// # Errors
    /// `InvalidData`, if it is not UTF-8; then nothing was read, and it can be read as bytes.
    ///
    /// # Cancel safety
    /// As there.
    #[track_caller]
    pub fn read_to_string<'a>(&'a mut self, text: &'a mut String) -> impl Future<Output = io::Result<usize>> + 'a {
        let site = Location::caller();
        self.cursor.read_rest(site, move |rest| {
            let rest = str::from_utf8(rest).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            text.push_str(rest);
            Ok(rest.len())
        })
    }

    /// Writes some bytes, and returns when they are written; how many.
    ///
    /// # Cancel safety
    /// Dropped, it has written nothing, or it writes what it would have written and nobody says how much.
    #[track_caller]
    pub fn write<'a>(&'a mut self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        let site = Location::caller();
        async move { if bytes.is_empty() { Ok(0) } else { self.cursor.write(site, bytes).await } }
    }

    /// Writes all of `bytes`, and returns when they are written.
    ///
    /// # Cancel safety
    /// **Not** cancel safe: dropped, nobody knows how much was written.
    #[track_caller]
    pub fn write_all<'a>(&'a mut self, bytes: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        let site = Location::caller();
        async move {
            let mut rest = bytes;
            while !rest.is_empty() {
                rest = &rest[self.cursor.write(site, rest).await?..];
            }
            Ok(())
        }
    }

    /// Waits until all is written that was begun: by a write that was dropped, or by
    /// [`poll_write`](File::poll_write). That it outlives a power failure is for [`sync_all`](File::sync_all).
    ///
    /// # Cancel safety
    /// Nothing is lost.
    pub fn flush(&mut self) -> impl Future<Output = io::Result<()>> + '_ {
        self.cursor.settled()
    }

    /// Sets the position; where it is then, from the start.
    ///
    /// # Cancel safety
    /// Dropped, it has happened or not; a seek from the start or the end may simply be done again.
    #[track_caller]
    pub fn seek(&mut self, to: SeekFrom) -> impl Future<Output = io::Result<u64>> + '_ {
        use std::io::Seek;
        self.cursor.act(Location::caller(), Purpose::Seek(to), move |file| file.seek(to))
    }

    /// Sets the length: cuts the file, or fills it with zeros. The position stays where it is.
    ///
    /// # Cancel safety
    /// Dropped, it has happened or not.
    #[track_caller]
    pub fn set_len(&mut self, length: u64) -> impl Future<Output = io::Result<()>> + '_ {
        let set =
            self.cursor.act(Location::caller(), Purpose::SetLen, move |file| file.set_len(length).map(|()| 0));
        async move { set.await.map(drop) }
    }

    /// Waits until the file's bytes and what is known of it are on the disk.
    ///
    /// # Cancel safety
    /// Dropped, it is not known whether they are.
    #[track_caller]
    pub fn sync_all(&mut self) -> impl Future<Output = io::Result<()>> + '_ {
        self.sync(Location::caller(), fs::File::sync_all)
    }

    /// As [`sync_all`](File::sync_all), but only for what is needed to read the bytes again.
    ///
    /// # Cancel safety
    /// As there.
    #[track_caller]
    pub fn sync_data(&mut self) -> impl Future<Output = io::Result<()>> + '_ {
        self.sync(Location::caller(), fs::File::sync_data)
    }

    async fn sync(
        &mut self,
        site: &'static Location<'static>,
        how: fn(&fs::File) -> io::Result<()>,
    ) -> io::Result<()> {
        self.cursor.settled().await?;
        self.cursor.aside(site, "sync", how).await
    }

    /// What is known of the file now, whatever is under way.
    ///
    /// For cancel safety see [`Operation`].
    #[track_caller]
    pub fn metadata(&self) -> Operation<Metadata> {
        self.cursor.aside(Location::caller(), "look at", fs::File::metadata)
    }

    /// Sets who may do what with the file.
    ///
    /// For cancel safety see [`Operation`].
    #[track_caller]
    pub fn set_permissions(&self, permissions: Permissions) -> Operation<()> {
        let site = Location::caller();
        self.cursor.aside(site, "set the permissions of", |file| file.set_permissions(permissions))
    }

    /// Another descriptor of the same open file, which shares its position. What one of the two has read ahead, for a
    /// read that was dropped, the other does not see; so use them in turn.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn try_clone(&mut self) -> impl Future<Output = io::Result<File>> + '_ {
        let site = Location::caller();
        async move {
            self.cursor.at_rest(site).await?;
            let file = self.cursor.aside(site, "clone", fs::File::try_clone).await?;
            Ok(File { cursor: Cursor::new(file, self.cursor.path().cloned()) })
        }
    }

    /// The poll of [`read`](File::read).
    #[track_caller]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.cursor.poll_read(cx, Location::caller(), buffer)
    }

    /// Takes some bytes to write; how many. A poll cannot know whether its caller still has the bytes at the next
    /// one, so they are copied and acknowledged at once; [`poll_flush`](File::poll_flush) waits until they are
    /// written, and gives the error, as the next operation would.
    #[track_caller]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() { Poll::Ready(Ok(0)) } else { self.cursor.poll_write(cx, Location::caller(), bytes) }
    }

    /// The poll of [`flush`](File::flush).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cursor.poll_flush(cx)
    }

    /// The poll of [`seek`](File::seek), to be given the same `to` until it is ready.
    #[track_caller]
    pub fn poll_seek(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        self.cursor.poll_seek(cx, Location::caller(), to)
    }
}

impl From<fs::File> for File {
    fn from(file: fs::File) -> File {
        File::from_std(file)
    }
}

/// What is read or written by this way goes past what is under way.
#[cfg(unix)]
impl std::os::fd::AsFd for File {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.cursor.file().as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for File {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.cursor.file().as_raw_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("File");
        if let Some(path) = self.cursor.path() {
            shown.field("path", path);
        }
        shown.field("std", self.cursor.file()).finish()
    }
}
