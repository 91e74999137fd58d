//! PostgreSQL.

use std::path::{Path, PathBuf};

use rustix::process::Signal;
use tempfile::TempDir;

use super::account::Account;
use super::process::{Process, run};
use super::{Missing, find, free_port, password};

/// A PostgreSQL server with an empty database.
pub struct Postgres {
    /// `None` while it is stopped. It stands before the folder, so that it ends first.
    process: Option<Process>,
    account: Account,
    program: PathBuf,
    folder: TempDir,
    port: u16,
    password: String,
}

impl Postgres {
    /// How many connections it lets in at once.
    pub const MAX_CONNECTIONS: u32 = 40;

    /// Makes a database in a new folder, and starts a server on it.
    ///
    /// # Errors
    /// If it is not on this machine, or does not start.
    pub fn start() -> Result<Postgres, Missing> {
        let missing = || Missing::program("initdb", "postgresql");
        let (initdb, program) = (find("initdb").ok_or_else(missing)?, find("postgres").ok_or_else(missing)?);
        let account = Account::choose()?;
        let folder = tempfile::Builder::new().prefix("glassloop-postgres-").tempdir()?;
        let (password, secret) = (password()?, folder.path().join("password"));
        std::fs::write(&secret, &password)?;
        account.own(folder.path())?;
        account.own(&secret)?;

        let mut command = account.command(&initdb, "KILL");
        command.arg("--pgdata").arg(folder.path().join("data")).arg("--pwfile").arg(&secret);
        command.args(["--username=postgres", "--auth=password", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        run(command)?;
        let mut postgres = Postgres { process: None, account, program, folder, port: free_port()?, password };
        postgres.start_again()?;
        Ok(postgres)
    }

    /// Starts it after [`stop`](Postgres::stop): the same data, the same port.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start_again(&mut self) -> Result<(), Missing> {
        let mut command = self.account.command(&self.program, "QUIT");
        command.arg("-D").arg(self.folder.path().join("data")).args(["-p", &self.port.to_string()]);
        let connections = format!("max_connections={}", Self::MAX_CONNECTIONS);
        let settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", &connections];
        command.args(settings.iter().flat_map(|setting| ["-c", setting]));
        self.process =
            Some(Process::start(command, "database system is ready to accept connections", Signal::QUIT)?);
        Ok(())
    }

    /// Stops it at once, as a crash would: whoever is connected is cut off.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// How it is reached.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgresql://postgres:{}@127.0.0.1:{}/postgres", self.password, self.port)
    }

    /// The pid of its first process, while it runs.
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
