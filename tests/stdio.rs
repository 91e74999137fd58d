//! Standard input, output and error of a real process: this test binary runs itself, with pipes, files and sockets for
//! its descriptors.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use glassloop::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, stderr, stdin, stdout};
use glassloop::stream::StreamExt;
use glassloop::time::timeout;
use glassloop::{spawn, yield_now};

// ---- the child

/// What the child does; its name is in the environment.
const ROLE: &str = "GLASSLOOP_STDIO_ROLE";

/// Not a test by itself: a child of the tests below runs it alone.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    glassloop::run(async {
        match &*role {
            "lines" => lines().await,
            "echo" => echo().await,
            "drops a read" => drops_a_read().await,
            "goes on" => goes_on().await,
            "counts threads" => counts_threads().await,
            "broken pipe" => broken_pipe().await,
            "both outputs" => both_outputs().await,
            other => panic!("{other} is no role"),
        }
    });
    std::process::exit(0); // before the test harness writes more to these descriptors
}

/// What the child says goes between marks, for its test harness writes to standard output too.
async fn say(words: &str) {
    stdout().write_all(format!("<{words}>").as_bytes()).await.unwrap();
}

async fn lines() {
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next().await {
        say(&line.unwrap()).await;
    }
    say("end").await;
}

async fn echo() {
    let mut all = Vec::new();
    stdin().read_to_end(&mut all).await.unwrap();
    say(&format!("{} bytes", all.len())).await;
    stdout().write_all(&all).await.unwrap();
    say("end").await;
}

/// A read that was given up loses nothing.
async fn drops_a_read() {
    let mut input = stdin();
    assert!(timeout(Duration::from_millis(1), input.read(&mut [0; 8])).await.is_err());
    say("given up").await;
    let mut word = [0; 5];
    input.read_exact(&mut word).await.unwrap();
    say(str::from_utf8(&word).unwrap()).await;
}

/// Other tasks run while one waits for input.
async fn goes_on() {
    let reader = spawn(async { stdin().read(&mut [0; 8]).await.unwrap() });
    for _ in 0..200 {
        yield_now().await; // more than a turn
    }
    say("meanwhile").await;
    assert_eq!(reader.await.unwrap(), 0);
    say("end").await;
}

async fn counts_threads() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let (mut input, output) = (stdin(), stdout());
    input.read_exact(&mut [0; 1]).await.unwrap();
    drop(output);
    say(&format!("{} more threads", threads() - before)).await;
}

async fn broken_pipe() {
    stdin().read_to_end(&mut Vec::new()).await.unwrap(); // the reader of the output is gone now
    let error = stdout().write_all(&[0; 1 << 20]).await.unwrap_err();
    stderr().write_all(format!("<{:?}>", error.kind()).as_bytes()).await.unwrap();
}

async fn both_outputs() {
    say("out").await;
    stderr().write_all(b"<err>").await.unwrap();
    stderr().flush().await.unwrap();
    stdout().close().await.unwrap();
    say("still out").await;
}

// ---- the tests

fn start(role: &str, input: impl Into<Stdio>, output: impl Into<Stdio>) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(ROLE, role)
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What is between the marks.
fn said(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    text.split('<').skip(1).map(|said| said.split('>').next().unwrap().to_owned()).collect()
}

#[track_caller]
fn finish(child: Child) -> (Vec<u8>, Vec<u8>) {
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (done.stdout, done.stderr)
}

/// Reads until the child has said `words`.
fn wait_for(child: &mut Child, words: &str) {
    let mut read = Vec::new();
    let output = child.stdout.as_mut().unwrap();
    while !said(&read).iter().any(|said| said == words) {
        let mut byte = [0];
        assert_eq!(output.read(&mut byte).unwrap(), 1, "it ended after {:?}", String::from_utf8_lossy(&read));
        read.push(byte[0]);
    }
}

/// A file with these bytes, to be read from its beginning.
fn file(name: &str, bytes: &[u8]) -> File {
    let path = std::env::temp_dir().join(format!("glassloop-stdio-{name}-{}", std::process::id()));
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn lines_come_from_a_pipe_until_it_is_closed() {
    let mut child = start("lines", Stdio::piped(), Stdio::piped());
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"one\ntw").unwrap();
    wait_for(&mut child, "one");
    input.write_all(b"o\nthree").unwrap();
    drop(input);
    assert_eq!(said(&finish(child).0), ["two", "three", "end"]);
}

#[test]
fn lines_come_from_a_regular_file() {
    let input = file("lines", b"one\ntwo\n");
    let child = start("lines", input, Stdio::piped());
    assert_eq!(said(&finish(child).0), ["one", "two", "end"]);
}

#[test]
fn a_regular_file_is_read_from_where_it_stands_and_no_further_than_asked() {
    let mut input = file("stands", b"skip hello, rest");
    input.seek(std::io::SeekFrom::Start(5)).unwrap();
    let mut shared = input.try_clone().unwrap();
    let child = start("counts threads", input, Stdio::piped());
    finish(child);
    let mut rest = String::new();
    shared.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "ello, rest");
}

#[test]
fn the_null_device_is_empty() {
    let child = start("lines", Stdio::null(), Stdio::piped());
    assert_eq!(said(&finish(child).0), ["end"]);
}

#[test]
fn a_megabyte_goes_through_pipes() {
    let bytes: Vec<u8> = (0..1u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut child = start("echo", Stdio::piped(), Stdio::piped());
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let output = finish(child).0;
    let begin = b"<1048576 bytes>";
    let at = output.windows(begin.len()).position(|part| part == begin).unwrap() + begin.len();
    assert!(output[at..] == [&bytes[..], b"<end>"].concat());
}

#[test]
fn a_regular_file_takes_all_output_in_its_order() {
    let output = file("output", b"");
    let mut read = output.try_clone().unwrap();
    let mut child = start("echo", Stdio::piped(), output);
    let bytes = vec![b'x'; 100_000];
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    finish(child);
    let mut written = Vec::new();
    read.rewind().unwrap();
    read.read_to_end(&mut written).unwrap();
    let tail = [b"<100000 bytes>", &bytes[..], b"<end>"].concat();
    assert!(written.ends_with(&tail));
}

#[test]
fn sockets_serve_as_standard_descriptors() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let child = start("lines", OwnedFd::from(theirs.try_clone().unwrap()), OwnedFd::from(theirs));
    (&ours).write_all(b"one\n").unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    finish(child);
    let mut output = Vec::new();
    (&ours).read_to_end(&mut output).unwrap();
    assert_eq!(said(&output), ["one", "end"]);
}

#[test]
fn a_read_that_is_given_up_loses_nothing() {
    let mut child = start("drops a read", Stdio::piped(), Stdio::piped());
    let mut input = child.stdin.take().unwrap();
    wait_for(&mut child, "given up");
    input.write_all(b"hello").unwrap();
    assert_eq!(said(&finish(child).0), ["hello"]);
}

#[test]
fn the_loop_goes_on_while_it_waits_for_a_pipe() {
    let mut child = start("goes on", Stdio::piped(), Stdio::piped());
    let input = child.stdin.take();
    wait_for(&mut child, "meanwhile");
    drop(input);
    assert_eq!(said(&finish(child).0), ["end"]);
}

#[test]
#[cfg(target_os = "linux")]
fn pipes_and_sockets_need_no_thread() {
    let mut child = start("counts threads", Stdio::piped(), Stdio::piped());
    child.stdin.take().unwrap().write_all(b"x").unwrap();
    assert_eq!(said(&finish(child).0), ["0 more threads"]);

    let (ours, theirs) = UnixStream::pair().unwrap();
    (&ours).write_all(b"x").unwrap();
    let child = start("counts threads", OwnedFd::from(theirs), Stdio::piped());
    assert_eq!(said(&finish(child).0), ["0 more threads"]);
}

/// A flag of the open file that both ends of the sharing see.
#[test]
#[cfg(target_os = "linux")]
fn a_shared_pipe_or_socket_stays_blocking_for_the_others() {
    use rustix::fs::{OFlags, fcntl_getfl};

    let is_blocking = |fd: &OwnedFd| !fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let shared = OwnedFd::from(reader.try_clone().unwrap());
    let (ours, theirs) = UnixStream::pair().unwrap();
    let shared_output = OwnedFd::from(theirs.try_clone().unwrap());
    let mut child = start("lines", reader, OwnedFd::from(theirs));
    writer.write_all(b"one\n").unwrap();
    let mut read = Vec::new();
    while said(&read) != ["one"] {
        let mut byte = [0];
        (&ours).read_exact(&mut byte).unwrap();
        read.push(byte[0]);
    }
    // The child waits for more.
    assert!(is_blocking(&shared) && is_blocking(&shared_output));
    drop(writer);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_that_is_gone_is_a_broken_pipe() {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut child = start("broken pipe", Stdio::piped(), writer);
    // The harness of the child writes before the test begins; so the reader stays until then.
    let mut reader = reader;
    let mut begun = Vec::new();
    while !begun.ends_with(b"running 1 test\n") {
        let mut byte = [0];
        assert_eq!(reader.read(&mut byte).unwrap(), 1);
        begun.push(byte[0]);
    }
    drop(reader);
    drop(child.stdin.take());
    assert_eq!(said(&finish(child).1), ["BrokenPipe"]);
}

#[test]
fn output_and_error_are_two_and_closing_leaves_them_open() {
    let child = start("both outputs", Stdio::null(), Stdio::piped());
    let (output, error) = finish(child);
    assert_eq!((said(&output), said(&error)), (vec!["out".into(), "still out".into()], vec!["err".into()]));
}
