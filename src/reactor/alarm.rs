//! The alarm: wakes a park to the microsecond where mio's wait counts milliseconds. The one leaf of the crate that
//! only Linux has, and only epoll can tell of; elsewhere it never arms, and waits are as exact as mio's.

#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
pub(super) use linux::Alarm;
#[cfg(any(not(target_os = "linux"), mio_unsupported_force_poll_poll))]
pub(super) use other::Alarm;

#[cfg(all(target_os = "linux", not(mio_unsupported_force_poll_poll)))]
mod linux {
    use std::cell::{Cell, OnceCell};
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::Duration;

    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use rustix::time::{timerfd_create, timerfd_settime};

    use crate::clock::Instant;

    /// A timerfd, made when first needed; `None` inside if the process has no descriptor left for it.
    pub(in super::super) struct Alarm {
        fd: OnceCell<Option<OwnedFd>>,
        armed: Cell<Option<Instant>>,
    }

    impl Alarm {
        pub(in super::super) fn new() -> Alarm {
            Alarm { fd: OnceCell::new(), armed: Cell::new(None) }
        }

        /// Lets the next `arm` set it again, whatever the deadline.
        pub(in super::super) fn forget(&self) {
            self.armed.set(None);
        }

        /// Rings in `left`, at `deadline`; whether it will. A system call only if the deadline is another one.
        pub(in super::super) fn arm(
            &self,
            registry: &Registry,
            token: Token,
            deadline: Option<Instant>,
            left: Duration,
        ) -> bool {
            let Some(fd) = self.fd.get_or_init(|| open(registry, token)) else { return false };
            if self.armed.get() == deadline {
                return true;
            }
            let value = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
            let armed = timerfd_settime(fd, TimerfdTimerFlags::empty(), &once).is_ok();
            self.armed.set(if armed { deadline } else { None });
            armed
        }
    }

    fn open(registry: &Registry, token: Token) -> Option<OwnedFd> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags).ok()?;
        // Edge-triggered: each expiry is an edge, so the descriptor is never read.
        registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE).ok()?;
        Some(fd)
    }
}

#[cfg(any(not(target_os = "linux"), mio_unsupported_force_poll_poll))]
mod other {
    use std::time::Duration;

    use mio::{Registry, Token};

    use crate::clock::Instant;

    pub(in super::super) struct Alarm;

    impl Alarm {
        pub(in super::super) fn new() -> Alarm {
            Alarm
        }

        pub(in super::super) fn forget(&self) {}

        pub(in super::super) fn arm(&self, _: &Registry, _: Token, _: Option<Instant>, _: Duration) -> bool {
            false
        }
    }
}
