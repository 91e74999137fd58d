//! Unix signals. Those of one process are heard by all its tests, so each test here has a kind of its own, or a
//! process.
#![cfg(target_os = "linux")]

use std::fs;
use std::future::{pending, poll_fn};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::mpsc;
use std::task::Poll;

use futures_lite::StreamExt;
use glassloop::process::{self, Stdio};
use glassloop::signal::ctrl_c;
use glassloop::signal::unix::{Signal, SignalKind, signal};
use glassloop::{Outlook, Runtime, Waits, dump, run, spawn, yield_now};
use rustix::process::{Pid, kill_process};
use signal_hook::low_level::raise;

mod support;
use support::{on_thread, poll_once};

// ---- helpers

/// Sends a signal to this thread, and returns when its handler has run.
fn send(kind: SignalKind) {
    raise(kind.as_raw_value()).unwrap();
}

const ROLE: &str = "GLASSLOOP_SIGNAL_ROLE";

/// Whether this is the process in which a test is alone.
fn is_alone() -> bool {
    std::env::var_os(ROLE).is_some()
}

/// A program that runs `test` alone.
fn alone(test: &str) -> Command {
    let exe = std::env::current_exe().unwrap();
    // Whoever runs the tests in the background of a shell has SIGINT ignored, and a program inherits that.
    let mut command = if cfg!(target_os = "linux") {
        let mut env = Command::new("env");
        env.arg("--default-signal=INT").arg(exe);
        env
    } else {
        Command::new(exe)
    };
    command.args(["--exact", test, "--nocapture"]).env(ROLE, "");
    command
}

/// Runs it; the number of the signal that ended it, and what it said.
fn ended_by(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (std::os::unix::process::ExitStatusExt::signal(&output.status), said.into_owned())
}

/// Whether this process has a handler for a signal.
fn is_caught(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(bits.trim(), 16).unwrap() >> (kind.as_raw_value() - 1) & 1 == 1
}

// ---- hearing

#[test]
fn signal_from_a_thread_ends_the_sleep_of_the_loop() {
    run(async {
        let mut usr1 = signal(SignalKind::user_defined1()).unwrap();
        let sender = std::thread::spawn(|| send(SignalKind::user_defined1()));
        assert_eq!(usr1.recv().await, Some(()));
        sender.join().unwrap();
    });
}

#[test]
fn two_signals_before_a_recv_are_one() {
    run(async {
        let mut usr2 = signal(SignalKind::user_defined2()).unwrap();
        send(SignalKind::user_defined2());
        send(SignalKind::user_defined2());
        assert_eq!(usr2.recv().await, Some(()));
        assert!(poll_once(usr2.recv()).is_pending());
        send(SignalKind::user_defined2());
        assert_eq!(usr2.recv().await, Some(()), "and the next is another");
    });
}

#[test]
fn many_signals_before_a_recv_are_one() {
    run(async {
        let kind = SignalKind::from_raw(signal_hook::consts::SIGURG);
        // Up to more than its socket has room for.
        for many in (1..200).chain([5000]) {
            let mut urgent = signal(kind).unwrap();
            (0..many).for_each(|_| send(kind));
            assert_eq!(poll_once(urgent.recv()), Poll::Ready(Some(())), "{many}");
            assert!(poll_once(urgent.recv()).is_pending(), "{many}");
        }
    });
}

#[test]
fn recv_that_was_dropped_loses_nothing() {
    run(async {
        let mut hangup = signal(SignalKind::hangup()).unwrap();
        let mut recv = Box::pin(hangup.recv());
        assert!(poll_once(recv.as_mut()).is_pending());
        send(SignalKind::hangup());
        drop(recv);
        assert_eq!(hangup.recv().await, Some(()));
    });
}

#[test]
fn all_listeners_of_one_loop_hear_it() {
    run(async {
        let mut listeners = [(); 3].map(|()| signal(SignalKind::alarm()).unwrap());
        send(SignalKind::alarm());
        for listener in &mut listeners {
            assert_eq!(listener.recv().await, Some(()));
        }
    });
}

#[test]
fn listeners_on_two_loops_of_two_threads_hear_it() {
    let (listens, both_listen) = mpsc::channel();
    let hear = move || {
        run(async {
            let mut resized = signal(SignalKind::window_change()).unwrap();
            listens.send(()).unwrap();
            drop(listens);
            resized.recv().await
        })
    };
    let threads = [std::thread::spawn(hear.clone()), std::thread::spawn(hear)];
    assert_eq!(both_listen.iter().count(), 2);
    send(SignalKind::window_change());
    assert_eq!(threads.map(|thread| thread.join().unwrap()), [Some(()), Some(())]);
}

#[test]
fn poll_recv_and_the_stream_hear_it_too() {
    run(async {
        let mut quit = signal(SignalKind::quit()).unwrap();
        send(SignalKind::quit());
        assert_eq!(poll_fn(|cx| quit.poll_recv(cx)).await, Some(()));
        send(SignalKind::quit());
        assert_eq!(quit.next().await, Some(()));
        assert_eq!(quit.kind(), SignalKind::quit());
    });
}

#[test]
fn signal_without_a_name_is_heard_and_does_nothing_after_the_last_listener() {
    let real_time = SignalKind::from_raw(40);
    assert_eq!(real_time.to_string(), "signal 40");
    run(async {
        let mut listener = signal(real_time).unwrap();
        send(real_time);
        assert_eq!(listener.recv().await, Some(()));
    });
    send(real_time);
}

#[test]
fn signal_of_a_child_that_ended_can_be_listened_to_beside_process() {
    run(async {
        let mut ended = signal(SignalKind::child()).unwrap();
        assert!(process::Command::new("true").status().await.unwrap().success());
        assert_eq!(ended.recv().await, Some(()));
    });
}

#[test]
fn task_that_waits_for_a_signal_is_told_with_its_place() {
    run(async {
        let mut listener = signal(SignalKind::io()).unwrap();
        let line = line!() + 1;
        let waiter = spawn(async move { listener.recv().await });
        yield_now().await;
        let dump = dump().unwrap();
        let sites = dump.tasks()[1].waits.iter().filter_map(|waits| match waits {
            Waits::Source { site: Some(site), .. } => Some((site.file(), site.line())),
            _ => None,
        });
        assert_eq!(sites.collect::<Vec<_>>(), [(file!(), line)], "{dump}");
        assert!(dump.to_string().contains(" (signal listener) to be readable (at "), "{dump}");
        assert_eq!(dump.outlook(), Outlook::GoesOn);
        send(SignalKind::io());
        assert_eq!(waiter.await.unwrap(), Some(()));
    });
}

#[test]
fn listener_that_nobody_awaits_hides_no_deadlock() {
    let runtime = Runtime::new().unwrap();
    let deadlock = runtime.try_block_on(async {
        let _listener = signal(SignalKind::pipe()).unwrap();
        pending::<()>().await
    });
    assert!(deadlock.is_err());
}

// ---- when nobody listens any more

#[test]
fn ctrl_c_hears_the_first_and_the_second_ends_the_process() {
    const NAME: &str = "ctrl_c_hears_the_first_and_the_second_ends_the_process";
    if is_alone() {
        return run(async {
            let mut heard = Box::pin(ctrl_c());
            assert!(poll_once(heard.as_mut()).is_pending());
            println!("\nlistening");
            heard.await.unwrap();
            println!("\nheard");
            signal(SignalKind::hangup()).unwrap().recv().await; // a shutdown that hangs
        });
    }
    run(async {
        let mut child = process::Command::from(alone(NAME)).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let id = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
        for word in ["listening", "heard"] {
            let mut said = String::new();
            while !said.contains(word) {
                let mut buffer = [0; 256];
                let length = stdout.read(&mut buffer).await.unwrap();
                assert!(length > 0, "it ended and had said {said:?}");
                said += &String::from_utf8_lossy(&buffer[..length]);
            }
            kill_process(id, rustix::process::Signal::INT).unwrap();
        }
        let status = child.wait().await.unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(2), "{status}");
    });
}

#[test]
fn default_action_comes_back_with_the_last_listener_and_goes_with_a_new_one() {
    const NAME: &str = "default_action_comes_back_with_the_last_listener_and_goes_with_a_new_one";
    if !is_alone() {
        let (ended, said) = ended_by(alone(NAME));
        assert!(ended == Some(15) && said.contains("heard 2"), "{said}");
        return;
    }
    let kind = SignalKind::terminate();
    run(async {
        let mut one = signal(kind).unwrap();
        drop(signal(kind).unwrap());
        send(kind);
        assert_eq!(one.recv().await, Some(()), "one of two was left");
        drop(one);
        let mut again = signal(kind).unwrap();
        send(kind);
        assert_eq!(again.recv().await, Some(()), "nobody had listened for a while");
        println!("heard 2");
        io::stdout().flush().unwrap();
        drop(again);
        send(kind);
        println!("not reached");
    });
}

#[test]
fn signal_that_was_ignored_before_is_ignored_again() {
    const NAME: &str = "signal_that_was_ignored_before_is_ignored_again";
    let kind = SignalKind::hangup();
    if !is_alone() {
        let program = alone(NAME);
        let mut ignoring = Command::new("env");
        ignoring.arg("--ignore-signal=HUP").arg(program.get_program()).args(program.get_args()).env(ROLE, "");
        let (ended, said) = ended_by(ignoring);
        assert!(ended.is_none() && said.contains("1 passed"), "{said}");
        return;
    }
    run(async {
        let mut listener = signal(kind).unwrap();
        send(kind);
        assert_eq!(listener.recv().await, Some(()));
    });
    send(kind);
}

#[test]
fn listeners_leave_no_descriptor() {
    const NAME: &str = "listeners_leave_no_descriptor";
    if !is_alone() {
        let (_, said) = ended_by(alone(NAME));
        assert!(said.contains("1 passed"), "{said}");
        return;
    }
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    run(async {
        let before = descriptors();
        let listeners: Vec<_> = (0..20).map(|_| signal(SignalKind::hangup()).unwrap()).collect();
        assert_eq!(descriptors(), before + 40);
        drop(listeners);
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn listener_dropped_on_another_thread_takes_nothing_from_the_others() {
    run(async {
        let kind = SignalKind::from_raw(signal_hook::consts::SIGVTALRM);
        let (mut stays, goes) = (signal(kind).unwrap(), signal(kind).unwrap());
        on_thread("elsewhere", move || drop(goes));
        send(kind);
        assert_eq!(stays.recv().await, Some(()));
    });
}

// ---- misuse

#[test]
fn signals_that_cannot_be_heard_are_errors_that_say_why() {
    let error = |number| run(async move { signal(SignalKind::from_raw(number)).unwrap_err() });
    for (number, words) in [
        (9, "SIGKILL cannot be caught: "),
        (19, "SIGSTOP cannot be caught: "),
        (11, "SIGSEGV cannot be listened to: "),
        (4, "SIGILL cannot be listened to: "),
        (8, "SIGFPE cannot be listened to: "),
        (0, "signal 0 is no signal: "),
        (-1, "signal -1 is no signal: "),
        (i32::MIN, "signal -2147483648 is no signal: "),
        (32, "signal 32 cannot be listened to on this system: "), // the C library's own
        (65, "signal 65 cannot be listened to on this system: "),
        (i32::MAX, "signal 2147483647 cannot be listened to on this system: "),
    ] {
        let error = error(number);
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{number}");
        assert!(error.to_string().starts_with(words), "{number}: {error}");
    }
}

#[test]
fn outside_of_a_loop_nothing_is_caught() {
    let kind = SignalKind::from_raw(signal_hook::consts::SIGPROF);
    let error = signal(kind).unwrap_err();
    assert!(error.to_string().starts_with("signal was used outside of a glassloop runtime"), "{error}");
    assert!(!is_caught(kind));
    run(async { drop(signal(kind).unwrap()) });
    assert!(is_caught(kind), "else this test could not fail");
}

#[test]
fn recv_on_another_loop_panics_and_says_so() {
    let home = Runtime::new().unwrap();
    let mut listener = home.block_on(async { signal(SignalKind::from_raw(41)).unwrap() });
    let away = catch_unwind(AssertUnwindSafe(|| run(async { listener.recv().await })));
    let words = away.unwrap_err().downcast::<String>().unwrap();
    assert!(words.starts_with("this signal listener belongs to glassloop runtime "), "{words}");
}

#[test]
fn listener_may_be_moved_to_other_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Signal>();
}
