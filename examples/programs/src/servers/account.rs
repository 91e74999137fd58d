//! Whose process a server is.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use super::Missing;

/// Who runs the servers: PostgreSQL refuses root.
pub(super) struct Account {
    /// User and group; `None` stays who we are.
    change: Option<(u32, u32)>,
    setpriv: bool,
}

impl Account {
    /// Ourselves; or, if we are root, `postgres` or `nobody`.
    pub(super) fn choose() -> Result<Account, Missing> {
        let setpriv = super::find("setpriv").is_some();
        if !rustix::process::geteuid().is_root() {
            return Ok(Account { change: None, setpriv });
        }
        if !setpriv {
            return Err(Missing::program("setpriv", "util-linux"));
        }
        let users = std::fs::read_to_string("/etc/passwd")?;
        match ["postgres", "nobody"].iter().find_map(|name| ids(&users, name)) {
            Some(ids) => Ok(Account { change: Some(ids), setpriv }),
            None => Err(Missing("this is root, and there is neither a user `postgres` nor `nobody`".to_owned())),
        }
    }

    /// Runs `program` as this account; the kernel sends it `signal` when the thread that starts it ends.
    pub(super) fn command(&self, program: &Path, signal: &str) -> Command {
        if !self.setpriv {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.arg(format!("--pdeathsig={signal}"));
        if let Some((user, group)) = self.change {
            command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]);
        }
        command.args([OsStr::new("--"), program.as_os_str()]);
        command
    }

    /// Gives a file or a folder to this account.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        match self.change {
            Some((user, group)) => chown(path, Some(user), Some(group)),
            None => Ok(()),
        }
    }
}

/// The user and the group of `name`, by a passwd file.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let mut fields = users.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?;
    Some((fields.nth(2)?.parse().ok()?, fields.next()?.parse().ok()?))
}
