//! The signals that are or were listened to. What the handler does is signal-hook's; here is who listens, and what
//! happens when nobody does.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSTOP};
use signal_hook::low_level::{pipe, unregister};
use signal_hook::{SigId, flag};

use super::unix::SignalKind;

/// Dispositions belong to the process, so this does too. No handler touches it.
static CAUGHT: Mutex<BTreeMap<i32, Caught>> = Mutex::new(BTreeMap::new());

struct Caught {
    listeners: usize,
    /// Set while nobody listens: the handler then does what the system does by default. `None`: it does nothing.
    unheard: Option<Arc<AtomicBool>>,
}

fn caught() -> MutexGuard<'static, BTreeMap<i32, Caught>> {
    CAUGHT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Caught {
    fn set_unheard(&self, is_unheard: bool) {
        if let Some(unheard) = &self.unheard {
            unheard.store(is_unheard, Ordering::SeqCst);
        }
    }
}

/// Whether one may listen to a signal. signal-hook panics where it says no.
pub(super) fn check(signal: i32) -> io::Result<()> {
    let why = match signal {
        SIGKILL | SIGSTOP => "cannot be caught: the system does not let any program have it",
        SIGSEGV | SIGILL | SIGFPE => {
            "cannot be listened to: the instruction that raised it would raise it again before any task could run"
        }
        ..=0 => "is no signal: they are counted from 1",
        _ => return Ok(()),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} {why}", SignalKind::from_raw(signal))))
}

/// Lets the handler write a byte to `writer` at each signal, until `leave`.
pub(super) fn listen(signal: i32, writer: UnixStream) -> io::Result<SigId> {
    let mut caught = caught();
    // Asked before the first handler is installed.
    let ends_by_default = !caught.contains_key(&signal) && had_default(signal);
    let id = pipe::register(signal, writer).map_err(|error| {
        let name = SignalKind::from_raw(signal);
        io::Error::new(error.kind(), format!("{name} cannot be listened to on this system: {error}"))
    })?;
    let entry = caught.entry(signal).or_insert_with(|| {
        let unheard = Arc::new(AtomicBool::new(false));
        let installed = ends_by_default && flag::register_conditional_default(signal, unheard.clone()).is_ok();
        Caught { listeners: 0, unheard: installed.then_some(unheard) }
    });
    entry.listeners += 1;
    entry.set_unheard(false);
    Ok(id)
}

pub(super) fn leave(signal: i32, id: SigId) {
    let mut caught = caught();
    unregister(id);
    if let Some(entry) = caught.get_mut(&signal) {
        entry.listeners -= 1;
        entry.set_unheard(entry.listeners == 0);
    }
}

/// Whether a signal has its default action now: it is neither ignored nor caught. Where the system does not say,
/// `false`.
fn had_default(signal: i32) -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let is_in = |set: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(set))?;
        let bits = u64::from_str_radix(line.trim(), 16).ok()?;
        Some(bits.checked_shr(signal.unsigned_abs() - 1)? & 1 == 1)
    };
    is_in("SigIgn:") == Some(false) && is_in("SigCgt:") == Some(false)
}
