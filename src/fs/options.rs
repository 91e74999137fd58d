//! How files are opened and folders are made.

use std::fs;
use std::panic::Location;
use std::path::Path;
use std::sync::Arc;

use super::operation::named;
use super::paths::on_path;
use super::{File, Operation};

/// How a file is opened; `std::fs::OpenOptions`, with an `open` that is awaited.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// glassloop::run(async {
///     let path = std::env::temp_dir().join(format!("glassloop-log-{}", std::process::id()));
///     for line in ["one\n", "two\n"] {
///         let mut log = glassloop::fs::OpenOptions::new().append(true).create(true).open(&path).await?;
///         log.write_all(line.as_bytes()).await?;
///     }
///     assert_eq!(glassloop::fs::read_to_string(&path).await?, "one\ntwo\n");
///     glassloop::fs::remove_file(&path).await
/// })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions(fs::OpenOptions);

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}

impl From<fs::OpenOptions> for OpenOptions {
    fn from(options: fs::OpenOptions) -> OpenOptions {
        OpenOptions(options)
    }
}

macro_rules! switches {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, $name: bool) -> &mut OpenOptions {
            self.0.$name($name);
            self
        }
    )*};
}

impl OpenOptions {
    /// Nothing is allowed yet.
    #[must_use]
    pub fn new() -> OpenOptions {
        OpenOptions(fs::OpenOptions::new())
    }

    switches! {
        /// To read.
        read,
        /// To write.
        write,
        /// To write at the end, wherever that is then.
        append,
        /// To empty it.
        truncate,
        /// To make it if it is not there.
        create,
        /// To make it, which fails if it is there.
        create_new,
    }

    /// The permissions of a file that is made, less those that the process's mask takes.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.0, mode);
        self
    }

    /// Flags for the system's `open`.
    #[cfg(unix)]
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.0, flags);
        self
    }

    /// Opens a file.
    ///
    /// For errors and cancel safety see [`Operation`]; dropped while it is done, it may have made or emptied the
    /// file.
    #[track_caller]
    pub fn open(&self, path: impl AsRef<Path>) -> Operation<File> {
        let (options, path) = (self.0.clone(), Arc::<Path>::from(path.as_ref()));
        Operation::new(Location::caller(), move || match options.open(&path) {
            Ok(file) => Ok(File::named(file, path)),
            Err(error) => Err(named(error, "open", &path)),
        })
    }
}

/// How a folder is made; `std::fs::DirBuilder`, with a `create` that is awaited.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// glassloop::run(async {
///     let folder = std::env::temp_dir().join(format!("glassloop-folder-{}", std::process::id()));
///     glassloop::fs::DirBuilder::new().recursive(true).create(folder.join("a/b")).await?;
///     glassloop::fs::remove_dir_all(&folder).await
/// })
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    #[cfg(unix)]
    mode: Option<u32>,
}

impl DirBuilder {
    /// One folder, with the usual permissions.
    #[must_use]
    pub fn new() -> DirBuilder {
        DirBuilder::default()
    }

    /// Makes those above it too, and takes it for made if it is there.
    pub fn recursive(&mut self, recursive: bool) -> &mut DirBuilder {
        self.recursive = recursive;
        self
    }

    /// The permissions of what is made, less those that the process's mask takes.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        self.mode = Some(mode);
        self
    }

    /// Makes the folder.
    ///
    /// For errors and cancel safety see [`Operation`].
    #[track_caller]
    pub fn create(&self, path: impl AsRef<Path>) -> Operation<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(self.recursive);
        #[cfg(unix)]
        if let Some(mode) = self.mode {
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
        }
        on_path("create folder", path, move |path| builder.create(path))
    }
}
