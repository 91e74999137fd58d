//! How a program is to be started.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::panic::Location;
use std::path::Path;
use std::process::{ExitStatus, Output, Stdio};

use super::Child;

/// A program to start: `std`'s builder, with futures where that one blocks.
///
/// # Examples
/// ```
/// use glassloop::process::Command;
///
/// glassloop::run(async {
///     let status = Command::new("sh").args(["-c", "exit $CODE"]).env("CODE", "3").status().await.unwrap();
///     assert_eq!(status.code(), Some(3));
///     let error = Command::new("no-such-program").status().await.unwrap_err();
///     assert!(error.to_string().contains("`no-such-program`"));
/// });
/// ```
#[derive(Debug)]
pub struct Command {
    std: std::process::Command,
    kill_on_drop: bool,
    chosen: Chosen,
}

/// Which of its standard streams were chosen; for the others `output` has another default than `spawn`.
#[derive(Debug, Default)]
struct Chosen {
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

impl Command {
    /// A command for `program`; a name without a slash is looked for in the `PATH`. It has no arguments, and this
    /// process's environment, directory and standard streams.
    pub fn new(program: impl AsRef<OsStr>) -> Command {
        Command::from(std::process::Command::new(program))
    }

    /// `std`'s builder, to look at what was set.
    #[must_use]
    pub fn as_std(&self) -> &std::process::Command {
        &self.std
    }

    /// `std`'s builder, for what has no method here. Set the standard streams here and not there: for `output`, what
    /// was not set here is not set.
    pub fn as_std_mut(&mut self) -> &mut std::process::Command {
        &mut self.std
    }

    /// Adds an argument.
    pub fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> &mut Command {
        self.std.args(args);
        self
    }

    /// Sets the name by which the program calls itself, if that is not the one it was found by.
    pub fn arg0(&mut self, arg: impl AsRef<OsStr>) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// Sets a variable of the environment.
    pub fn env(&mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> &mut Command {
        self.std.env(key, value);
        self
    }

    /// Sets variables of the environment.
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        &mut self,
        vars: impl IntoIterator<Item = (K, V)>,
    ) -> &mut Command {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of the environment.
    pub fn env_remove(&mut self, key: impl AsRef<OsStr>) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Lets the program inherit no variable of this process.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Sets the directory in which the program starts.
    pub fn current_dir(&mut self, directory: impl AsRef<Path>) -> &mut Command {
        self.std.current_dir(directory);
        self
    }

    /// Sets where standard input comes from. By default it is inherited, and empty for
    /// [`output`](Command::output).
    pub fn stdin(&mut self, stdin: impl Into<Stdio>) -> &mut Command {
        self.std.stdin(stdin);
        self.chosen.stdin = true;
        self
    }

    /// Sets where standard output goes. By default it is inherited, and piped for [`output`](Command::output).
    pub fn stdout(&mut self, stdout: impl Into<Stdio>) -> &mut Command {
        self.std.stdout(stdout);
        self.chosen.stdout = true;
        self
    }

    /// Sets where standard error goes. By default it is inherited, and piped for [`output`](Command::output).
    pub fn stderr(&mut self, stderr: impl Into<Stdio>) -> &mut Command {
        self.std.stderr(stderr);
        self.chosen.stderr = true;
        self
    }

    /// Whether the program is killed when its [`Child`], or the future of [`status`](Command::status) or
    /// [`output`](Command::output), is dropped before the program has ended. By default it is not.
    pub fn kill_on_drop(&mut self, kill: bool) -> &mut Command {
        self.kill_on_drop = kill;
        self
    }

    /// Sets the process group; 0 makes a new one, led by the program, which the terminal's signals (Ctrl-C) do not
    /// reach.
    pub fn process_group(&mut self, group: i32) -> &mut Command {
        self.std.process_group(group);
        self
    }

    /// Sets the user by whose rights the program runs.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// Sets the group by whose rights the program runs.
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// Starts the program.
    ///
    /// # Scheduling
    /// It is started at once, inside of this call, which takes the system a millisecond or less.
    ///
    /// # Errors
    /// If the program cannot be started; the error names it. Also outside of a running loop. After an error no
    /// program runs.
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.start(Location::caller())
    }

    /// Starts the program, and waits until it has ended. What is piped is closed at once.
    ///
    /// The call itself starts the program; the future only waits. Dropped, the future leaves the program running,
    /// unless [`kill_on_drop`](Command::kill_on_drop) says otherwise.
    ///
    /// # Errors
    /// As [`spawn`](Command::spawn) and [`Child::wait`], from the future.
    ///
    /// # Cancel safety
    /// Dropped, how the program ended is lost; use [`spawn`](Command::spawn) and [`Child::wait`].
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let site = Location::caller();
        let child = self.start(site);
        async move {
            let mut child = child?;
            drop((child.stdout.take(), child.stderr.take()));
            child.wait_at(site).await
        }
    }

    /// Starts the program, reads all that it says, and waits until it has ended. Streams that were not set have
    /// `std`'s defaults here: standard input is empty, output and error are piped.
    ///
    /// The call itself starts the program; the future only reads and waits. Dropped, the future leaves the program
    /// running, unless [`kill_on_drop`](Command::kill_on_drop) says otherwise.
    ///
    /// # Errors
    /// As [`spawn`](Command::spawn) and [`Child::wait_with_output`], from the future.
    ///
    /// # Cancel safety
    /// **Not** cancel safe: dropped, what it has read is lost.
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        let site = Location::caller();
        self.unchosen(Stdio::null, Stdio::piped);
        let child = self.start(site);
        self.unchosen(Stdio::inherit, Stdio::inherit); // for what is started next
        async move { child?.output_at(site).await }
    }

    fn unchosen(&mut self, input: fn() -> Stdio, output: fn() -> Stdio) {
        if !self.chosen.stdin {
            self.std.stdin(input());
        }
        if !self.chosen.stdout {
            self.std.stdout(output());
        }
        if !self.chosen.stderr {
            self.std.stderr(output());
        }
    }

    fn start(&mut self, site: &'static Location<'static>) -> io::Result<Child> {
        Child::start(&mut self.std, self.kill_on_drop, site).map_err(|source| {
            let mut what = format!("`{}`", self.std.get_program().display());
            if let Some(directory) = self.std.get_current_dir() {
                what += &format!(" in {}", directory.display());
            }
            io::Error::new(source.kind(), NotStarted { what, source })
        })
    }
}

/// A command of `std`'s with what was set there. For [`output`](Command::output), its standard streams count as not
/// set.
impl From<std::process::Command> for Command {
    fn from(std: std::process::Command) -> Command {
        Command { std, kill_on_drop: false, chosen: Chosen::default() }
    }
}

/// The system's error, with the program's name.
#[derive(Debug)]
struct NotStarted {
    what: String,
    source: io::Error,
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot start {}: {}", self.what, self.source)
    }
}

impl Error for NotStarted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
