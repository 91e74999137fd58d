//! Files, on the blocking pool.
//!
//! The kernel has no "would block" for files: a read sleeps until the disk has answered. So every function here is
//! one job on the [blocking pool](crate::spawn_blocking), and the loop goes on meanwhile. A job costs some
//! microseconds there and back; so read and write much at a time, and for many small steps use
//! [`spawn_blocking`](crate::spawn_blocking) with `std::fs` once around them all.
//!
//! Names and arguments are tokio's. What differs:
//! - Errors name what was attempted and the path, as in `open /no/such: No such file or directory (os error 2)`. The
//!   kind is the system's; its own error, with its number, is the [`source`](std::error::Error::source).
//! - [`File::write`] returns when the bytes are written, and itself says if that failed. No `flush` is needed.
//! - A function of this module whose future is dropped before its job began does nothing.
//! - Futures do not borrow their paths, and are `Send`.
//!
//! # Cancel safety
//! No thread can be stopped in the middle of a system call. An [`Operation`] that is dropped before its job has begun
//! does nothing; dropped later, it is done nevertheless, and its result is dropped. What becomes of the bytes and the
//! position of an open [`File`] is told there.
//!
//! When the runtime is dropped, jobs that run are waited for, and jobs that wait are not run.
//!
//! # Examples
//! ```
//! use glassloop::fs;
//!
//! # fn main() -> std::io::Result<()> {
//! glassloop::run(async {
//!     let folder = std::env::temp_dir().join(format!("glassloop-doc-{}", std::process::id()));
//!     fs::create_dir_all(&folder).await?;
//!     fs::write(folder.join("greeting"), "hello").await?;
//!     assert_eq!(fs::read_to_string(folder.join("greeting")).await?, "hello");
//!     let error = fs::read(folder.join("farewell")).await.unwrap_err();
//!     assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
//!     assert!(error.to_string().starts_with(&format!("read {}/farewell: ", folder.display())));
//!     fs::remove_dir_all(&folder).await
//! })
//! # }
//! ```

mod cursor;
mod dir;
mod file;
#[cfg(feature = "io-util")]
mod io;
mod operation;
mod options;
mod paths;

pub use dir::{DirEntry, ReadDir, read_dir};
pub use file::File;
pub use operation::Operation;
pub use options::{DirBuilder, OpenOptions};
#[cfg(unix)]
pub use paths::symlink;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, hard_link, metadata, read, read_link, read_to_string,
    remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink_metadata, try_exists, write,
};
