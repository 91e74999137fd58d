//! What is done with a path.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::panic::Location;
use std::path::{Path, PathBuf};

use super::Operation;
use super::operation::{named, named_pair};

/// Work on one path. The verb is for its error.
#[track_caller]
pub(super) fn on_path<T: Send + 'static>(
    verb: &'static str,
    path: impl AsRef<Path>,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + Sync + 'static,
) -> Operation<T> {
    let path = path.as_ref().to_owned();
    Operation::new(Location::caller(), move || work(&path).map_err(|error| named(error, verb, &path)))
}

/// Work on two.
#[track_caller]
fn on_pair<T: Send + 'static>(
    verb: &'static str,
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
    work: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + Sync + 'static,
) -> Operation<T> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    Operation::new(Location::caller(), move || {
        work(&from, &to).map_err(|error| named_pair(error, verb, &from, &to))
    })
}

/// Reads a whole file.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Operation<Vec<u8>> {
    on_path("read", path, |path| fs::read(path))
}

/// Reads a whole file, which must be UTF-8; else the error is `InvalidData`.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> Operation<String> {
    on_path("read", path, |path| fs::read_to_string(path))
}

/// Removes a file.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn remove_file(path: impl AsRef<Path>) -> Operation<()> {
    on_path("remove", path, |path| fs::remove_file(path))
}

/// Makes a folder; its parent must be there.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn create_dir(path: impl AsRef<Path>) -> Operation<()> {
    on_path("create folder", path, |path| fs::create_dir(path))
}

/// Makes a folder and those above it that are missing.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn create_dir_all(path: impl AsRef<Path>) -> Operation<()> {
    on_path("create folder", path, |path| fs::create_dir_all(path))
}

/// Removes an empty folder.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn remove_dir(path: impl AsRef<Path>) -> Operation<()> {
    on_path("remove folder", path, |path| fs::remove_dir(path))
}

/// Removes a folder and all that is in it. Links in it are removed, not followed.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn remove_dir_all(path: impl AsRef<Path>) -> Operation<()> {
    on_path("remove folder", path, |path| fs::remove_dir_all(path))
}

/// What is known of a file or folder; of a link, what is known of its target.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn metadata(path: impl AsRef<Path>) -> Operation<Metadata> {
    on_path("look at", path, |path| fs::metadata(path))
}

/// What is known of a file, a folder or a link itself.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn symlink_metadata(path: impl AsRef<Path>) -> Operation<Metadata> {
    on_path("look at", path, |path| fs::symlink_metadata(path))
}

/// The absolute path, without `.`, `..` and links.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn canonicalize(path: impl AsRef<Path>) -> Operation<PathBuf> {
    on_path("resolve", path, |path| fs::canonicalize(path))
}

/// Where a link leads.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn read_link(path: impl AsRef<Path>) -> Operation<PathBuf> {
    on_path("read link", path, |path| fs::read_link(path))
}

/// Whether something is there. An error says that it is not known.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn try_exists(path: impl AsRef<Path>) -> Operation<bool> {
    on_path("look for", path, Path::try_exists)
}

/// Writes a file, which is made if it is not there, and emptied before if it is. `contents` are copied for the job.
///
/// For errors and cancel safety see [`Operation`]; a write that fails may have written a part.
#[track_caller]
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Operation<()> {
    let contents = contents.as_ref().to_vec();
    on_path("write", path, move |path| fs::write(path, contents))
}

/// Sets who may do what with a file.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn set_permissions(path: impl AsRef<Path>, permissions: Permissions) -> Operation<()> {
    on_path("set the permissions of", path, move |path| fs::set_permissions(path, permissions))
}

/// Copies a file's contents and permissions; how many bytes.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Operation<u64> {
    on_pair("copy", from, to, |from, to| fs::copy(from, to))
}

/// Gives a file or folder another name, on the same file system. A file that has that name is replaced.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Operation<()> {
    on_pair("rename", from, to, |from, to| fs::rename(from, to))
}

/// Gives a file a second name.
///
/// For errors and cancel safety see [`Operation`].
#[track_caller]
pub fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Operation<()> {
    on_pair("link", original, link, |from, to| fs::hard_link(from, to))
}

/// Makes a link that leads to `original`.
///
/// For errors and cancel safety see [`Operation`].
#[cfg(unix)]
#[track_caller]
pub fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> Operation<()> {
    on_pair("link", original, link, |from, to| std::os::unix::fs::symlink(from, to))
}
