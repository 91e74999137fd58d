//! The entries of a folder.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, FileType, Metadata};
use std::future::{Future, poll_fn};
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Operation;
use super::operation::named;
use super::paths::on_path;

/// How many entries one job brings: enough that the way there and back costs little an entry.
const CHUNK: usize = 128;

/// Opens a folder, to list what is in it.
///
/// For errors and cancel safety see [`Operation`].
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// glassloop::run(async {
///     let folder = std::env::temp_dir().join(format!("glassloop-list-{}", std::process::id()));
///     glassloop::fs::create_dir_all(folder.join("inner")).await?;
///     let mut entries = glassloop::fs::read_dir(&folder).await?;
///     while let Some(entry) = entries.next_entry().await? {
///         assert_eq!(entry.file_name(), "inner");
///         assert!(entry.file_type().await?.is_dir());
///     }
///     glassloop::fs::remove_dir_all(&folder).await
/// })
/// # }
/// ```
#[track_caller]
pub fn read_dir(path: impl AsRef<Path>) -> Operation<ReadDir> {
    on_path("list", path, |path| {
        let (path, rest) = (Arc::from(path), fs::read_dir(path)?);
        let Chunk { entries, rest } = chunk(rest, &path);
        Ok(ReadDir { path, entries, rest: Rest::Idle(rest) })
    })
}

/// The entries of a folder, in the system's order, without `.` and `..`.
#[derive(Debug)]
pub struct ReadDir {
    path: Arc<Path>,
    entries: VecDeque<io::Result<DirEntry>>,
    rest: Rest,
}

#[derive(Debug)]
enum Rest {
    /// `None` at the end.
    Idle(Option<fs::ReadDir>),
    Busy(Operation<Chunk>),
}

struct Chunk {
    entries: VecDeque<io::Result<DirEntry>>,
    /// `None` at the end.
    rest: Option<fs::ReadDir>,
}

fn chunk(mut rest: fs::ReadDir, path: &Path) -> Chunk {
    let entries = rest.by_ref().take(CHUNK).map(|entry| match entry {
        Ok(entry) => Ok(DirEntry { file_type: entry.file_type().ok(), std: Arc::new(entry) }),
        Err(error) => Err(named(error, "list", path)),
    });
    let entries: VecDeque<_> = entries.collect();
    let rest = (entries.len() == CHUNK).then_some(rest);
    Chunk { entries, rest }
}

impl ReadDir {
    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// What the system says, with the folder's path in front.
    ///
    /// # Cancel safety
    /// Dropped, it has taken no entry.
    #[track_caller]
    pub fn next_entry(&mut self) -> impl Future<Output = io::Result<Option<DirEntry>>> + '_ {
        let site = Location::caller();
        poll_fn(move |cx| self.poll_next(cx, site))
    }

    /// The poll of [`next_entry`](ReadDir::next_entry).
    #[track_caller]
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        self.poll_next(cx, Location::caller())
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        site: &'static Location<'static>,
    ) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Poll::Ready(entry.map(Some));
            }
            match &mut self.rest {
                Rest::Idle(rest) => {
                    let Some(rest) = rest.take() else { return Poll::Ready(Ok(None)) };
                    let path = self.path.clone();
                    self.rest = Rest::Busy(Operation::new(site, move || Ok(chunk(rest, &path))));
                }
                Rest::Busy(operation) => {
                    let done = ready!(Pin::new(operation).poll(cx));
                    self.rest = Rest::Idle(None);
                    let Chunk { entries, rest } = done?;
                    (self.entries, self.rest) = (entries, Rest::Idle(rest));
                }
            }
        }
    }
}

#[cfg(feature = "stream")]
impl futures_lite::Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_next_entry(cx).map(io::Result::transpose)
    }
}

/// One entry of a folder.
#[derive(Clone)]
pub struct DirEntry {
    std: Arc<fs::DirEntry>,
    /// Most systems tell it with the name.
    file_type: Option<FileType>,
}

impl DirEntry {
    /// The folder's path, and the entry's name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// Its name.
    #[must_use]
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// What is known of it; of a link, not of its target.
    ///
    /// For errors and cancel safety see [`Operation`].
    #[track_caller]
    pub fn metadata(&self) -> Operation<Metadata> {
        self.ask(fs::DirEntry::metadata)
    }

    /// Whether it is a file, a folder or a link. Where the system told that with its name, no job is needed.
    ///
    /// For errors and cancel safety see [`Operation`].
    #[track_caller]
    pub fn file_type(&self) -> Operation<FileType> {
        match self.file_type {
            Some(known) => Operation::ready(Location::caller(), Ok(known)),
            None => self.ask(fs::DirEntry::file_type),
        }
    }

    #[track_caller]
    fn ask<T: Send + 'static>(&self, question: fn(&fs::DirEntry) -> io::Result<T>) -> Operation<T> {
        let entry = self.std.clone();
        Operation::new(Location::caller(), move || {
            question(&entry).map_err(|error| named(error, "look at", &entry.path()))
        })
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirEntry({:?})", self.path())
    }
}
