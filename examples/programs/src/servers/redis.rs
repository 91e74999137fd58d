//! Redis.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use tempfile::TempDir;

use super::account::Account;
use super::process::Process;
use super::{Missing, find, free_port, password};

/// An empty Redis server, which keeps nothing on disk.
pub struct Redis {
    /// `None` while it is stopped. It stands before the folder, so that it ends first.
    process: Option<Process>,
    account: Account,
    program: PathBuf,
    folder: TempDir,
    port: u16,
    password: String,
}

impl Redis {
    /// Starts a server.
    ///
    /// # Errors
    /// If it is not on this machine, or does not start.
    pub fn start() -> Result<Redis, Missing> {
        let program = find("redis-server").ok_or_else(|| Missing::program("redis-server", "redis-server"))?;
        let account = Account::choose()?;
        let folder = tempfile::Builder::new().prefix("glassloop-redis-").tempdir()?;
        let (port, password, settings) = (free_port()?, password()?, folder.path().join("redis.conf"));
        // In a file, for a command's arguments are seen by all on the machine.
        let text = format!("bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nlogfile \"\"\n");
        std::fs::write(&settings, text)?;
        account.own(folder.path())?;
        account.own(&settings)?;
        let mut redis = Redis { process: None, account, program, folder, port, password };
        redis.start_again()?;
        Ok(redis)
    }

    /// Starts it after [`stop`](Redis::stop): the same port, and empty.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_again(&mut self) -> Result<(), Missing> {
        let mut command = self.account.command(&self.program, "KILL");
        command.arg(self.folder.path().join("redis.conf")).arg("--dir").arg(self.folder.path());
        self.process = Some(Process::start(command, "Ready to accept connections", Signal::KILL)?);
        Ok(())
    }

    /// Stops it at once: whoever is connected is cut off.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// How it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}/", self.password, self.port)
    }

    /// Its pid, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Where its data is, while this value lives.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
