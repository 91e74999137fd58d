//! Child processes: real ones, that wait for their input rather than for time.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use glassloop::net::UnixStream;
use glassloop::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Output, Stdio};
use glassloop::time::sleep;
use glassloop::{Runtime, TaskState, Waits, dump, join_all, run, spawn, yield_now};
use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, WaitId, WaitIdOptions, getpgid, getrlimit, setrlimit, test_kill_process, waitid,
};

mod support;
use support::{on_thread, poll_once};

// ---- helpers

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Runs it to its end.
fn output(command: &mut Command) -> Output {
    run(async { command.output().await }).unwrap()
}

/// A child that runs until its input ends, with that input and what it says.
fn cat() -> (Child, ChildStdin, ChildStdout) {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    (child, stdin, stdout)
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap()
}

/// Blocks until a child has ended, and leaves it a zombie, if it was not reaped before.
fn until_ended(pid: Pid) {
    match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
        Ok(_) | Err(Errno::CHILD) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Lets the loop look at the kernel, and the tasks that were woken run.
async fn some_turns() {
    for _ in 0..3 {
        sleep(Duration::ZERO).await;
    }
}

/// Whether the system still knows of it, alive or a zombie.
fn exists(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}

/// Whether this is the process in which `test` is alone; else runs it so.
fn alone(test: &str) -> bool {
    if std::env::var_os("GLASSLOOP_ALONE").is_some() {
        return true;
    }
    let own = std::env::current_exe().unwrap();
    let run = std::process::Command::new(own).args(["--exact", test]).env("GLASSLOOP_ALONE", "").output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// How many threads this process has.
fn threads() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap().trim().parse().unwrap()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// How many pages the children that were reaped have touched: more than before, if there was one more.
fn pages_of_children() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(8).unwrap().parse().unwrap()
}

/// A path where nothing is.
fn unused(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("glassloop-{}-{name}", std::process::id()));
    let _ = fs::remove_file(&path);
    path
}

/// A program that leaves a file there.
fn touch(path: &Path) -> Command {
    let mut command = Command::new("touch");
    command.arg(path);
    command
}

// ---- what a child says and how it ends

#[test]
fn output_is_what_it_said_and_how_it_ended() {
    let output = output(&mut sh("echo out; echo err >&2; exit 3"));
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn status_of_a_child_that_a_signal_ended_names_the_signal() {
    let status = run(async { sh("kill -TERM $$").status().await }).unwrap();
    assert_eq!((status.code(), status.signal()), (None, Some(15)));
}

#[test]
fn output_has_no_input_and_a_spawn_after_it_does_not_pipe() {
    run(async {
        let mut command = Command::new("cat");
        assert_eq!(command.output().await.unwrap().stdout, b"", "else `cat` would wait for this test's input");
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
    });
}

#[test]
fn output_leaves_a_stream_that_was_chosen() {
    let output = output(sh("echo out; echo err >&2").stderr(Stdio::null()));
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b""[..]));
}

#[test]
fn program_is_started_by_the_call_and_not_by_the_first_poll() {
    run(async {
        let started = unused("started");
        let status = touch(&started).status();
        let other = touch(&started).status().await.unwrap(); // so that some time passes
        assert!(other.success() && status.await.unwrap().success());
        fs::remove_file(&started).unwrap();

        let file = unused("unpolled");
        drop(sh("read line; echo $line > $FILE").env("FILE", &file).stdin(line("said")).status());
        while fs::read_to_string(&file).unwrap_or_default() != "said\n" {
            assert!(Command::new("true").status().await.unwrap().success());
        }
        fs::remove_file(&file).unwrap();
    });
}

/// An input of one line.
fn line(words: &str) -> Stdio {
    let (reader, mut writer) = io::pipe().unwrap();
    io::Write::write_all(&mut writer, format!("{words}\n").as_bytes()).unwrap();
    reader.into()
}

#[test]
fn both_outputs_are_read_at_once() {
    // Read one after the other, the pipe of the second would fill, and the child never come to its end.
    let output = output(&mut sh("head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero"));
    assert_eq!((output.stdout.len(), output.stderr.len()), (1_000_000, 1_000_000));
}

#[test]
fn megabytes_through_a_child_come_back_whole() {
    run(async {
        let (mut child, stdin, stdout) = cat();
        let sent: Vec<u8> = (0..4_000_000_u32).map(|n| (n % 251) as u8).collect();
        let all = sent.clone();
        let writer = spawn(async move { stdin.write_all(&all).await });
        let mut back = Vec::new();
        assert_eq!(stdout.read_to_end(&mut back).await.unwrap(), sent.len());
        writer.await.unwrap().unwrap();
        assert!(back == sent);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn one_child_is_piped_into_another() {
    run(async {
        let mut first = sh("echo one; echo two").stdout(Stdio::piped()).spawn().unwrap();
        let between: Stdio = first.stdout.take().unwrap().try_into().unwrap();
        let output = Command::new("sort").arg("-r").stdin(between).output().await.unwrap();
        assert_eq!(output.stdout, b"two\none\n");
        assert!(first.wait().await.unwrap().success());
    });
}

#[test]
fn pipe_that_is_handed_on_blocks_again() {
    run(async {
        let (_child, stdin, stdout) = cat();
        for fd in [stdin.into_owned_fd().unwrap(), stdout.into_owned_fd().unwrap()] {
            let info = format!("/proc/self/fdinfo/{}", std::os::fd::AsRawFd::as_raw_fd(&fd));
            let info = fs::read_to_string(info).unwrap();
            let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
            assert_eq!(u32::from_str_radix(flags.trim(), 8).unwrap() & 0o4000, 0, "O_NONBLOCK is set");
        }
    });
}

#[test]
fn environment_directory_and_name_are_what_was_set() {
    let mut command = sh("echo $0 $A-$B-$HOME; pwd");
    command.arg("own").env_clear().env("A", "1").envs([("B", "2"), ("C", "3")]).current_dir("/");
    assert_eq!(output(&mut command).stdout, b"own 1-2-\n/\n");
    let mut command = Command::new("sh");
    command.arg0("other").args(["-c", "cat /proc/$$/cmdline"]);
    assert!(output(&mut command).stdout.starts_with(b"other\0"));
}

#[test]
fn process_group_of_its_own_has_its_number() {
    run(async {
        let child = Command::new("cat").stdin(Stdio::piped()).process_group(0).spawn().unwrap();
        assert_eq!(getpgid(Some(pid(&child))).unwrap(), pid(&child));
    });
}

// ---- waiting

#[test]
fn wait_closes_the_input_first() {
    run(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(child.wait().await.unwrap().success());
        assert!(child.stdin.is_none());
    });
}

#[test]
fn wait_that_was_dropped_and_awaited_again_loses_nothing() {
    run(async {
        let (mut child, stdin, _stdout) = cat();
        let mut wait = Box::pin(child.wait());
        assert!(poll_once(wait.as_mut()).is_pending());
        drop(wait);
        drop(stdin);
        assert!(child.wait().await.unwrap().success());
        assert!(child.wait().await.unwrap().success(), "and once more");
    });
}

#[test]
fn child_that_ended_before_is_waited_for_at_once() {
    run(async {
        let mut child = sh("exit 7").spawn().unwrap();
        until_ended(pid(&child));
        assert_eq!(child.wait().await.unwrap().code(), Some(7));
    });
}

#[test]
fn child_that_ends_between_a_wait_and_its_wake_is_seen() {
    run(async {
        let (mut child, stdin, _stdout) = cat();
        let ended = pid(&child);
        let mut wait = Box::pin(child.wait());
        assert!(poll_once(wait.as_mut()).is_pending());
        drop(stdin);
        until_ended(ended);
        assert!(wait.await.unwrap().success());
    });
}

#[test]
fn try_wait_says_none_and_then_how_it_ended() {
    run(async {
        let (mut child, stdin, _stdout) = cat();
        assert_eq!(child.try_wait().unwrap(), None);
        drop(stdin);
        until_ended(pid(&child));
        assert!(child.try_wait().unwrap().unwrap().success());
        assert_eq!(child.id(), None);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn kill_ends_it_and_a_reaped_child_is_not_killed_twice() {
    run(async {
        let (mut child, _stdin, _stdout) = cat();
        child.kill().await.unwrap();
        assert_eq!(child.id(), None, "its number may be another's by now");
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));
        child.start_kill().unwrap();
        child.kill().await.unwrap();
    });
}

#[test]
fn dump_says_that_a_task_waits_for_a_child_and_where() {
    run(async {
        let (mut child, stdin, _stdout) = cat();
        let line = line!() + 1;
        let waiter = spawn(async move { child.wait().await.unwrap() });
        yield_now().await;
        let dump = dump().unwrap();
        let task = &dump.tasks()[1];
        let sites = task.waits.iter().filter_map(|waits| match waits {
            Waits::Source { site: Some(site), .. } => Some((site.file(), site.line())),
            _ => None,
        });
        assert_eq!(sites.collect::<Vec<_>>(), [(file!(), line)], "{dump}");
        assert!(task.waits[0].to_string().contains(" (child process) to be readable (at "), "{dump}");
        drop(stdin);
        assert!(waiter.await.unwrap().success());
    });
}

#[test]
fn hundred_children_at_once_need_no_thread_and_leave_nothing() {
    if !alone("hundred_children_at_once_need_no_thread_and_leave_nothing") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let (threads_before, descriptors_before) = (threads(), descriptors());
        let mut children: Vec<_> = (0..100).map(|_| cat()).collect();
        let pids: Vec<_> = children.iter().map(|(child, ..)| pid(child)).collect();
        for (n, (_, stdin, _)) in children.iter().enumerate() {
            stdin.write_all(n.to_string().as_bytes()).await.unwrap();
        }
        let waits = children.drain(..).map(|(mut child, stdin, stdout)| {
            spawn(async move {
                drop(stdin);
                let mut said = Vec::new();
                stdout.read_to_end(&mut said).await.unwrap();
                (String::from_utf8(said).unwrap(), child.wait().await.unwrap().success())
            })
        });
        let waits: Vec<_> = waits.collect();
        yield_now().await;
        assert_eq!(threads(), threads_before, "while they are waited for");
        let ended: Vec<_> = join_all(waits).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(ended, (0..100).map(|n| (n.to_string(), true)).collect::<Vec<_>>());
        assert!(!pids.into_iter().any(exists), "a zombie is left");
        assert_eq!((threads(), descriptors()), (threads_before, descriptors_before));
    });
}

// ---- dropping

#[test]
fn dropped_child_runs_on_and_a_task_that_names_it_reaps_it() {
    run(async {
        let (child, stdin, stdout) = cat();
        let dropped = pid(&child);
        drop(child);
        stdin.write_all(b"still here").await.unwrap();
        stdout.read_exact(&mut [0; 10]).await.unwrap();

        yield_now().await; // the reaper's first turn
        let tasks = dump().unwrap();
        let reaper = tasks.tasks().last().unwrap();
        assert_eq!(reaper.name.as_deref(), Some(&*format!("reaper of child {dropped}, `cat`")));
        assert_eq!((reaper.state, reaper.site.file()), (TaskState::Waiting, file!()));

        drop(stdin);
        until_ended(dropped);
        some_turns().await;
        assert!(!exists(dropped), "it is a zombie");
        assert_eq!(dump().unwrap().tasks().len(), 1, "the reaper is gone");
    });
}

#[test]
fn child_dropped_after_its_end_is_reaped_at_once() {
    run(async {
        let child = Command::new("true").spawn().unwrap();
        let ended = pid(&child);
        until_ended(ended);
        drop(child);
        assert!(!exists(ended));
        assert_eq!(dump().unwrap().tasks().len(), 1, "no reaper was needed");
    });
}

#[test]
fn kill_on_drop_kills_and_the_loop_reaps() {
    run(async {
        let (reader, writer) = io::pipe().unwrap();
        let child = Command::new("cat").stdin(reader).kill_on_drop(true).spawn().unwrap();
        let killed = pid(&child);
        drop(child);
        until_ended(killed); // though its input is open
        drop(writer);
        some_turns().await;
        assert!(!exists(killed));
    });
}

#[test]
fn dropped_output_with_kill_on_drop_ends_the_child() {
    run(async {
        let (reader, writer) = io::pipe().unwrap();
        let (mut said, says) = io::pipe().unwrap();
        drop(Command::new("cat").stdin(reader).stdout(says).kill_on_drop(true).output());
        // The end of what it says is the end of it, though its input is open.
        assert_eq!(io::read_to_string(&mut said).unwrap(), "");
        drop(writer);
    });
}

#[test]
fn child_dropped_on_another_thread_is_reaped_by_its_loop() {
    run(async {
        let (child, stdin, _stdout) = cat();
        let dropped = pid(&child);
        on_thread("elsewhere", move || drop(child));
        drop(stdin);
        until_ended(dropped);
        some_turns().await;
        assert!(!exists(dropped));
    });
}

#[test]
fn child_that_outlives_its_runtime_is_reaped_when_the_next_is_started() {
    if !alone("child_that_outlives_its_runtime_is_reaped_when_the_next_is_started") {
        return;
    }
    let (orphan, input) = run(async {
        let (child, stdin, _) = cat();
        let orphan = pid(&child);
        drop(child); // its reaper goes with the runtime
        (orphan, stdin.into_owned_fd().unwrap())
    });
    assert!(exists(orphan));
    drop(input);
    until_ended(orphan);
    assert!(run(async { Command::new("true").status().await }).unwrap().success());
    assert!(!exists(orphan));
}

#[test]
fn child_dropped_after_its_runtime_is_reaped_when_the_next_is_started() {
    if !alone("child_dropped_after_its_runtime_is_reaped_when_the_next_is_started") {
        return;
    }
    let (child, stdin, stdout) = run(async { cat() });
    let orphan = pid(&child);
    drop(child);
    drop((stdin, stdout));
    until_ended(orphan);
    assert!(run(async { Command::new("true").status().await }).unwrap().success());
    assert!(!exists(orphan));
}

// ---- pipes

#[test]
fn try_forms_say_would_block_on_an_empty_and_on_a_full_pipe() {
    run(async {
        let (_child, stdin, stdout) = cat();
        let empty = stdout.try_read(&mut [0; 8]).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        // `cat` fills its output, then its input fills.
        let full = loop {
            match stdin.try_write(&[0; 4096]) {
                Ok(_) => stdin.writable().await.unwrap(),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        stdout.readable().await.unwrap();
        assert!(stdout.try_read(&mut [0; 8]).unwrap() > 0);
    });
}

#[test]
fn input_of_a_child_that_ended_is_a_broken_pipe() {
    run(async {
        let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take().unwrap();
        child.wait().await.unwrap();
        // Another test's child has the other end too, for as long as its start takes.
        let error = loop {
            if let Err(error) = stdin.write(b"x").await {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn closed_input_has_ended_for_the_child_and_says_so_to_who_writes() {
    run(async {
        let (mut child, mut stdin, _stdout) = cat();
        stdin.close();
        assert!(child.wait().await.unwrap().success());
        let error = stdin.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(error.to_string(), "this child's standard input was closed before");
    });
}

#[test]
fn empty_reads_and_writes_do_not_wait() {
    run(async {
        let (_child, stdin, stdout) = cat();
        assert_eq!(stdin.write(b"").await.unwrap(), 0);
        stdin.write_all(b"").await.unwrap();
        assert_eq!(stdout.read(&mut []).await.unwrap(), 0);
    });
}

#[test]
fn read_exact_names_an_early_end() {
    run(async {
        let mut child = sh("printf abc").stdout(Stdio::piped()).spawn().unwrap();
        let error = child.stdout.take().unwrap().read_exact(&mut [0; 4]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    });
}

#[test]
fn read_to_end_that_was_dropped_keeps_what_it_read() {
    run(async {
        let (_child, stdin, stdout) = cat();
        let mut said = b"before ".to_vec();
        stdin.write_all(b"!said ").await.unwrap();
        stdout.read_exact(&mut [0]).await.unwrap(); // so the rest is there
        assert!(poll_once(stdout.read_to_end(&mut said)).is_pending());
        assert_eq!(said, b"before said ");
        stdin.write_all(b"after").await.unwrap();
        drop(stdin);
        assert_eq!(stdout.read_to_end(&mut said).await.unwrap(), 5);
        assert_eq!(said, b"before said after");
    });
}

#[test]
fn read_to_end_of_a_pipe_that_stays_full_lets_others_run() {
    const MUCH: usize = 1 << 20;
    run(async {
        let mut child = sh(&format!("read go; head -c {MUCH} /dev/zero"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        rustix::pipe::fcntl_setpipe_size(stdout.as_fd(), MUCH).unwrap();
        child.stdin.take().unwrap().write_all(b"go\n").await.unwrap();
        until_ended(pid(&child)); // all that it said is in the pipe
        let other_ran = Rc::new(Cell::new(false));
        let other = other_ran.clone();
        spawn(async move { other.set(true) }).detach();
        let mut said = Vec::new();
        assert_eq!(stdout.read_to_end(&mut said).await.unwrap(), MUCH);
        assert!(other_ran.get(), "it was ready before the reading began");
    });
}

// ---- misuse

#[test]
fn program_that_is_not_there_is_named() {
    let error = run(async { Command::new("no-such-program").spawn().map(drop) }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert_eq!(error.to_string(), "cannot start `no-such-program`: No such file or directory (os error 2)");
}

#[test]
fn directory_that_is_not_there_is_named() {
    let error = run(async { Command::new("true").current_dir("/no/such").status().await }).unwrap_err();
    assert_eq!(error.to_string(), "cannot start `true` in /no/such: No such file or directory (os error 2)");
}

#[test]
fn argument_with_a_zero_byte_is_an_error_that_names_the_program() {
    let error = run(async { Command::new("true").arg("a\0b").output().await }).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with("cannot start `true`: "), "{error}");
}

#[test]
fn outside_of_a_loop_nothing_is_started() {
    let file = unused("outside");
    let error = touch(&file).stdin(Stdio::null()).spawn().unwrap_err();
    assert!(error.to_string().contains("Command was used outside of a glassloop runtime"), "{error}");
    assert!(run(async { Command::new("true").status().await }).unwrap().success()); // as long as `touch` takes
    assert!(!file.exists());
}

#[test]
fn child_and_its_pipes_name_themselves_on_another_loop() {
    let home = Runtime::new().unwrap();
    let (mut child, stdin, stdout) = home.block_on(async { cat() });
    run(async {
        let wrong = [
            ("child process", child.wait().await.unwrap_err()),
            ("pipe to a child", stdin.write(b"x").await.unwrap_err()),
            ("pipe from a child", stdout.read(&mut [0]).await.unwrap_err()),
        ];
        for (thing, error) in wrong {
            assert!(
                error.to_string().starts_with(&format!("this {thing} belongs to glassloop runtime")),
                "{error}"
            );
        }
    });
    drop(stdin);
    assert!(home.block_on(async { child.wait().await }).unwrap().success(), "at home nothing was lost");
}

#[test]
fn without_a_descriptor_left_nothing_is_started_and_the_error_names_the_program() {
    if !alone("without_a_descriptor_left_nothing_is_started_and_the_error_names_the_program") {
        return;
    }
    run(async {
        let pages = pages_of_children();
        let limit = getrlimit(Resource::Nofile);
        let mut few = limit;
        few.current = Some(16);
        setrlimit(Resource::Nofile, few).unwrap();
        let held: Vec<_> = std::iter::from_fn(|| UnixStream::pair().ok()).collect();
        let last: Vec<_> = std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();
        let error = Command::new("true").spawn().unwrap_err();
        drop((held, last));
        setrlimit(Resource::Nofile, limit).unwrap();
        assert!(error.to_string().starts_with("cannot start `true`: Too many open files"), "{error}");
        assert_eq!(pages_of_children(), pages, "a program was started and killed");
        assert!(Command::new("true").status().await.unwrap().success(), "now there is room");
        assert!(pages_of_children() > pages, "else this test could not fail");
    });
}

#[test]
fn end_that_the_system_does_not_keep_is_an_error_that_says_why() {
    const NAME: &str = "end_that_the_system_does_not_keep_is_an_error_that_says_why";
    if std::env::var_os("GLASSLOOP_IGNORES_CHILDREN").is_none() {
        // What is ignored when a program starts, it ignores.
        let mut ignoring = Command::new("env");
        ignoring.arg("--ignore-signal=CHLD").arg(std::env::current_exe().unwrap()).args(["--exact", NAME]);
        ignoring.env("GLASSLOOP_IGNORES_CHILDREN", "");
        let output = output(&mut ignoring);
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    run(async {
        let (mut child, stdin, _stdout) = cat();
        drop(stdin);
        let error = child.wait().await.unwrap_err();
        assert!(error.to_string().starts_with("how `cat` ended cannot be known: "), "{error}");
        assert!(error.to_string().contains("SIGCHLD"), "{error}");
    });
}

#[test]
fn children_and_pipes_may_be_moved_to_other_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Command>();
    is_send_and_sync::<Child>();
    is_send_and_sync::<ChildStdin>();
    is_send_and_sync::<ChildStdout>();
    is_send_and_sync::<ChildStderr>();
}

#[test]
fn pipes_are_read_and_written_by_the_traits_of_futures_io() {
    use glassloop::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy};
    use glassloop::stream::StreamExt;

    run(async {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let wrote = glassloop::spawn(async move {
            let mut text = &b"one\ntwo\n"[..];
            let copied = copy(&mut text, &mut stdin).await.unwrap();
            AsyncWriteExt::close(&mut stdin).await.unwrap(); // else `cat` waits for more
            copied
        });
        let lines: Vec<String> = BufReader::new(stdout).lines().map(Result::unwrap).collect().await;
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(wrote.await.unwrap(), 8);
        assert!(child.wait().await.unwrap().success());
    });
}

/// What the loop opens for its timers, signals, sockets, files and other children.
#[test]
fn child_inherits_no_descriptor_of_the_loop() {
    use glassloop::signal::unix::{SignalKind, signal};
    if !alone("child_inherits_no_descriptor_of_the_loop") {
        return;
    }
    let mut list = std::process::Command::new("ls");
    list.arg("/proc/self/fd");
    let without_loop = list.output().unwrap().stdout;
    run(async {
        let _hears = signal(SignalKind::user_defined2()).unwrap();
        let _pair = UnixStream::pair().unwrap();
        let _file = glassloop::fs::File::open("/proc/self/status").await.unwrap();
        sleep(Duration::from_micros(10)).await;
        let _other = cat();
        let listed = Command::from(list).output().await.unwrap().stdout;
        assert_eq!(String::from_utf8(listed), String::from_utf8(without_loop));
    });
}
