//! Files on the pool: each function as `std::fs` has it, errors that name the path, and what a dropped future leaves.

use std::collections::BTreeSet;
use std::fs as std_fs;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use glassloop::fs::{self, DirBuilder, DirEntry, File, OpenOptions, Operation, ReadDir};
use glassloop::trace::Recorder;
use glassloop::{Builder, JoinHandle, Runtime, join_all, run, spawn, spawn_blocking};

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("glassloop-fs-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std_fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        std_fs::write(self.at(name), contents).unwrap();
        self.at(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std_fs::remove_dir_all(&self.0);
    }
}

fn one_thread() -> Runtime {
    Builder::new().max_blocking_threads(1).build().unwrap()
}

/// A job that keeps the only thread of the pool, so that others wait.
struct Held {
    job: JoinHandle<()>,
    free: mpsc::Sender<()>,
}

fn hold() -> Held {
    let (began, has_begun) = mpsc::channel();
    let (free, held) = mpsc::channel::<()>();
    let job = spawn_blocking(move || {
        began.send(()).unwrap();
        let _ = held.recv();
    });
    has_begun.recv().unwrap();
    Held { job, free }
}

impl Held {
    async fn free(self) {
        drop(self.free);
        self.job.await.unwrap();
    }
}

/// Returns when the jobs that were queued before have run.
async fn jobs_are_done() {
    spawn_blocking(|| ()).await.unwrap();
}

/// Polls a future once, which must wait.
async fn begin(mut future: Pin<&mut impl Future>) {
    let is_pending = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await;
    assert!(is_pending);
}

async fn begin_and_drop(future: impl Future) {
    begin(pin!(future)).await;
}

// ---- paths

#[test]
fn a_file_is_written_read_copied_renamed_and_removed() {
    let folder = Folder::new();
    run(async {
        let (a, b, c) = (folder.at("a"), folder.at("b"), folder.at("c"));
        fs::write(&a, "grüße").await.unwrap();
        assert_eq!(std_fs::read_to_string(&a).unwrap(), "grüße");
        assert_eq!(fs::read(&a).await.unwrap(), "grüße".as_bytes());
        assert_eq!(fs::read_to_string(&a).await.unwrap(), "grüße");
        assert_eq!(fs::copy(&a, &b).await.unwrap(), 7);
        fs::rename(&b, &c).await.unwrap();
        assert_eq!(std_fs::read_to_string(&c).unwrap(), "grüße");
        assert!(!fs::try_exists(&b).await.unwrap());
        fs::remove_file(&c).await.unwrap();
        assert!(!c.exists());
        assert!(fs::try_exists(&a).await.unwrap());
    });
}

#[test]
fn folders_are_made_and_removed() {
    let folder = Folder::new();
    run(async {
        fs::create_dir(folder.at("a")).await.unwrap();
        fs::create_dir_all(folder.at("b/c/d")).await.unwrap();
        DirBuilder::new().recursive(true).create(folder.at("e/f")).await.unwrap();
        assert!(folder.at("a").is_dir() && folder.at("b/c/d").is_dir() && folder.at("e/f").is_dir());
        fs::remove_dir(folder.at("a")).await.unwrap();
        fs::remove_dir_all(folder.at("b")).await.unwrap();
        assert!(!folder.at("a").exists() && !folder.at("b").exists());
    });
}

#[test]
fn what_is_known_of_a_file_is_what_std_knows() {
    let folder = Folder::new();
    let path = folder.file("a", "four");
    run(async {
        let known = fs::metadata(&path).await.unwrap();
        assert_eq!((known.len(), known.is_file()), (4, true));
        let mut permissions = known.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).await.unwrap();
        assert!(std_fs::metadata(&path).unwrap().permissions().readonly());
        let there = fs::canonicalize(folder.at("./a")).await.unwrap();
        assert_eq!(there, std_fs::canonicalize(&path).unwrap());
    });
}

#[cfg(unix)]
#[test]
fn links_are_made_read_and_not_followed_where_std_does_not() {
    let folder = Folder::new();
    let path = folder.file("a", "a");
    run(async {
        fs::symlink(&path, folder.at("soft")).await.unwrap();
        assert_eq!(fs::read_link(folder.at("soft")).await.unwrap(), path);
        assert!(fs::symlink_metadata(folder.at("soft")).await.unwrap().is_symlink());
        assert!(fs::metadata(folder.at("soft")).await.unwrap().is_file());
        fs::hard_link(&path, folder.at("hard")).await.unwrap();
        fs::remove_file(&path).await.unwrap();
        assert_eq!(fs::read(folder.at("hard")).await.unwrap(), b"a");
        assert!(!fs::try_exists(folder.at("soft")).await.unwrap(), "it leads nowhere now");
    });
}

#[cfg(unix)]
#[test]
fn modes_are_given_to_what_is_made() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mode = |name: &str| std_fs::metadata(folder.at(name)).unwrap().permissions().mode() & 0o777;
    run(async {
        DirBuilder::new().mode(0o700).create(folder.at("folder")).await.unwrap();
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.at("file")).await.unwrap();
    });
    assert_eq!((mode("folder"), mode("file")), (0o700, 0o600));
}

// ---- errors

/// The error of an operation that must fail.
async fn error<T>(operation: Operation<T>) -> io::Error
where
    T: Send + 'static,
{
    operation.await.map(|_| ()).unwrap_err()
}

#[test]
fn each_error_names_what_was_attempted_and_the_path_and_keeps_its_kind() {
    let folder = Folder::new();
    let (no, other) = (folder.at("no"), folder.at("other"));
    let (none, pair) = (no.display(), format!("{} to {}", no.display(), other.display()));
    run(async {
        let expected = [
            (error(fs::read(&no)).await, format!("read {none}")),
            (error(fs::read_to_string(&no)).await, format!("read {none}")),
            (error(fs::write(no.join("a"), "")).await, format!("write {none}/a")),
            (error(fs::copy(&no, &other)).await, format!("copy {pair}")),
            (error(fs::rename(&no, &other)).await, format!("rename {pair}")),
            (error(fs::remove_file(&no)).await, format!("remove {none}")),
            (error(fs::create_dir(no.join("a"))).await, format!("create folder {none}/a")),
            (error(DirBuilder::new().create(no.join("a"))).await, format!("create folder {none}/a")),
            (error(fs::remove_dir(&no)).await, format!("remove folder {none}")),
            (error(fs::remove_dir_all(&no)).await, format!("remove folder {none}")),
            (error(fs::metadata(&no)).await, format!("look at {none}")),
            (error(fs::symlink_metadata(&no)).await, format!("look at {none}")),
            (error(fs::canonicalize(&no)).await, format!("resolve {none}")),
            (error(fs::hard_link(&no, &other)).await, format!("link {pair}")),
            (error(fs::read_link(&no)).await, format!("read link {none}")),
            (error(fs::read_dir(&no)).await, format!("list {none}")),
            (error(File::open(&no)).await, format!("open {none}")),
            (error(File::create(no.join("a"))).await, format!("open {none}/a")),
        ];
        for (error, attempted) in expected {
            let system = io::Error::from_raw_os_error(2);
            assert_eq!(error.to_string(), format!("{attempted}: {system}"));
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
    });
}

#[test]
fn errors_that_are_not_about_missing_files_are_named_too() {
    let folder = Folder::new();
    let file = folder.file("file", b"\xff");
    run(async {
        let made = error(fs::create_dir_all(&file)).await;
        assert_eq!(made.kind(), ErrorKind::AlreadyExists);
        assert!(made.to_string().starts_with(&format!("create folder {}: ", file.display())), "{made}");
        assert_eq!(error(File::create_new(&file)).await.kind(), ErrorKind::AlreadyExists);
        let text = error(fs::read_to_string(&file)).await;
        assert_eq!(text.kind(), ErrorKind::InvalidData);
        let below = error(fs::try_exists(file.join("below"))).await;
        assert_eq!(below.kind(), ErrorKind::NotADirectory);
        assert!(below.to_string().starts_with("look for "), "{below}");
        let linked = error(fs::symlink("", folder.at("link"))).await;
        assert!(linked.to_string().starts_with("link  to "), "{linked}");
        let permissions = std_fs::metadata(&file).unwrap().permissions();
        let set = error(fs::set_permissions(folder.at("no"), permissions)).await;
        assert!(set.to_string().starts_with("set the permissions of "), "{set}");
    });
}

#[test]
fn the_systems_own_error_is_the_source() {
    let error = run(fs::read("/no/such")).unwrap_err();
    let system = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(system.raw_os_error(), Some(2));
}

#[test]
fn errors_of_an_open_file_name_its_path() {
    let folder = Folder::new();
    let path = folder.file("a", "a");
    run(async {
        let mut file = File::open(&path).await.unwrap();
        let mut other = File::options().write(true).open(&path).await.unwrap();
        let errors = [
            (file.write(b"b").await.map(drop), "write"),
            (file.write_all(b"b").await, "write"),
            (other.read(&mut [0]).await.map(drop), "read"),
            (other.read_to_end(&mut Vec::new()).await.map(drop), "read"),
            (file.seek(SeekFrom::Current(-1)).await.map(drop), "seek in"),
            (file.set_len(0).await, "set the length of"),
        ];
        for (result, verb) in errors {
            let error = result.unwrap_err();
            assert!(error.to_string().starts_with(&format!("{verb} {}: ", path.display())), "{error}");
        }
    });
}

#[test]
fn outside_of_a_loop_the_error_says_so() {
    let mut future = pin!(fs::read("a"));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Err(error)) = future.as_mut().poll(&mut cx) else { panic!("no loop runs") };
    assert!(error.to_string().starts_with("fs was used outside of a glassloop runtime"), "{error}");
}

// ---- an open file

#[test]
fn a_file_is_written_sought_and_read() {
    let folder = Folder::new();
    let path = folder.at("a");
    run(async {
        let mut file = File::create_new(&path).await.unwrap();
        assert_eq!(file.write(b"one ").await.unwrap(), 4);
        assert_eq!(std_fs::read(&path).unwrap(), b"one ", "without a flush");
        file.write_all(b"two three").await.unwrap();
        assert_eq!(file.seek(SeekFrom::End(-5)).await.unwrap(), 8);
        let mut bytes = vec![b'+'];
        assert_eq!(file.read_to_end(&mut bytes).await.unwrap(), 5);
        assert_eq!(bytes, b"+three");
        assert_eq!(file.seek(SeekFrom::Start(4)).await.unwrap(), 4);
        let mut buffer = [0; 3];
        assert_eq!(file.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(&buffer, b"two");
        assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 8);
        let mut text = String::from("+");
        assert_eq!(file.read_to_string(&mut text).await.unwrap(), 5);
        assert_eq!(text, "+three");
        assert_eq!(file.read(&mut buffer).await.unwrap(), 0, "the end");
        file.flush().await.unwrap();
        file.sync_all().await.unwrap();
        file.sync_data().await.unwrap();
    });
}

#[test]
fn the_length_and_the_permissions_of_an_open_file_are_set_and_told() {
    let folder = Folder::new();
    let path = folder.file("a", "123456");
    run(async {
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        file.set_len(3).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 3);
        let mut permissions = file.metadata().await.unwrap().permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions).await.unwrap();
    });
    assert_eq!(std_fs::read(&path).unwrap(), b"123");
    assert!(std_fs::metadata(&path).unwrap().permissions().readonly());
}

#[test]
fn options_are_those_of_std() {
    let folder = Folder::new();
    let path = folder.file("a", "old");
    run(async {
        let mut file = OpenOptions::new().append(true).open(&path).await.unwrap();
        file.write_all(b" and new").await.unwrap();
        assert_eq!(std_fs::read(&path).unwrap(), b"old and new");
        File::options().write(true).truncate(true).open(&path).await.unwrap();
        assert_eq!(std_fs::read(&path).unwrap(), b"");
        let refused = OpenOptions::from(std_fs::OpenOptions::new()).open(&path).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "it is allowed nothing");
    });
}

#[test]
fn a_clone_shares_the_position_and_std_gets_it_too() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    run(async {
        let mut file = File::from_std(std_fs::File::open(&path).unwrap());
        let mut buffer = [0; 2];
        file.read(&mut buffer).await.unwrap();
        let mut clone = file.try_clone().await.unwrap();
        clone.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"cd");
        let std = file.into_std().await.unwrap();
        assert_eq!(io::read_to_string(std).unwrap(), "ef");
    });
}

#[test]
fn text_that_is_not_text_stays_unread() {
    let folder = Folder::new();
    let path = folder.file("a", b"a\xff");
    run(async {
        let mut file = File::open(&path).await.unwrap();
        let mut text = String::new();
        assert_eq!(file.read_to_string(&mut text).await.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(text, "");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"a\xff");
    });
}

#[test]
fn a_big_file_is_written_read_and_copied_whole() {
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    run(async {
        let mut file = File::create_new(folder.at("a")).await.unwrap();
        file.write_all(&bytes).await.unwrap();
        assert_eq!(fs::copy(folder.at("a"), folder.at("b")).await.unwrap(), 5_000_000);
        let mut copy = File::open(folder.at("b")).await.unwrap();
        let (mut read, mut buffer) = (Vec::new(), vec![0; 4_000_000]); // more than one job takes
        loop {
            match copy.read(&mut buffer).await.unwrap() {
                0 => break,
                n => read.extend_from_slice(&buffer[..n]),
            }
        }
        assert!(read == bytes);
    });
}

// ---- what dropped futures leave

#[test]
fn an_operation_dropped_before_its_job_began_does_nothing() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    one_thread().block_on(async {
        let held = hold();
        begin_and_drop(fs::remove_file(&path)).await;
        drop(fs::remove_file(&path)); // never polled
        held.free().await;
        jobs_are_done().await;
    });
    assert!(path.exists());
}

#[test]
fn in_debug_mode_a_dropped_operation_says_what_was_lost_and_a_dropped_read_of_a_file_nothing() {
    let folder = Folder::new();
    let path = folder.file("a", "abc");
    let recorder = Recorder::new();
    Builder::new().debug(true).observer(recorder.observer()).build().unwrap().block_on(async {
        drop(fs::metadata(&path)); // never polled
        fs::metadata(&path).await.unwrap();
        begin_and_drop(File::open(&path).await.unwrap().read(&mut [0; 4])).await;
        begin_and_drop(fs::metadata(&path)).await;
    });
    let text = recorder.text();
    let lost: Vec<_> = text.lines().filter(|line| line.contains(" lost ") || line.starts_with("lost ")).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].contains("lost by 1: its result, if its job has begun, of fs::Operation at "), "{lost:?}");
}

#[test]
fn a_read_dropped_while_it_waits_and_done_again_loses_nothing() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    one_thread().block_on(async {
        let mut file = File::open(&path).await.unwrap();
        let held = hold();
        begin_and_drop(file.read(&mut [0; 4])).await;
        held.free().await;
        let mut buffer = [0; 3];
        assert_eq!(file.read(&mut buffer).await.unwrap(), 3);
        assert_eq!(&buffer, b"abc");
        assert_eq!(file.read(&mut buffer).await.unwrap(), 1, "what is left of the first read");
        assert_eq!(buffer[0], b'd');
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"ef");
    });
}

#[test]
fn a_read_dropped_after_its_job_ended_and_done_again_loses_nothing() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    one_thread().block_on(async {
        let mut file = File::open(&path).await.unwrap();
        {
            let mut buffer = [0; 4];
            let mut read = pin!(file.read(&mut buffer));
            begin(read.as_mut()).await;
            jobs_are_done().await;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "abcdef");
    });
}

#[test]
fn a_read_to_the_end_dropped_and_read_in_pieces_loses_nothing() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    run(async {
        let mut file = File::open(&path).await.unwrap();
        begin_and_drop(file.read(&mut [0; 1])).await;
        begin_and_drop(file.read_to_end(&mut Vec::new())).await;
        begin_and_drop(file.read_to_end(&mut Vec::new())).await;
        let (mut read, mut buffer) = (Vec::new(), [0; 2]);
        for _ in 0..3 {
            let n = file.read(&mut buffer).await.unwrap();
            read.extend_from_slice(&buffer[..n]);
        }
        file.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"abcdef");
    });
}

#[test]
fn a_seek_after_a_dropped_read_starts_from_where_the_user_is() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    run(async {
        let mut file = File::open(&path).await.unwrap();
        file.read(&mut [0; 1]).await.unwrap();
        begin_and_drop(file.read(&mut [0; 4])).await;
        assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 2);
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "cdef");
    });
}

#[test]
fn a_write_after_a_dropped_read_goes_where_the_user_is() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    run(async {
        let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
        file.read(&mut [0; 1]).await.unwrap();
        begin_and_drop(file.read(&mut [0; 4])).await;
        file.write_all(b"BC").await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "def");
    });
    assert_eq!(std_fs::read(&path).unwrap(), b"aBCdef");
}

#[test]
fn std_and_a_clone_get_the_position_where_the_user_is() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    run(async {
        let mut file = File::open(&path).await.unwrap();
        begin_and_drop(file.read(&mut [0; 4])).await;
        let clone = file.try_clone().await.unwrap();
        assert_eq!(io::read_to_string(clone.into_std().await.unwrap()).unwrap(), "abcdef");
        file.seek(SeekFrom::Start(1)).await.unwrap();
        begin_and_drop(file.read(&mut [0; 4])).await;
        assert_eq!(io::read_to_string(file.into_std().await.unwrap()).unwrap(), "bcdef");
    });
}

#[test]
fn a_length_set_after_a_dropped_read_is_seen_by_the_next_read() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    run(async {
        let mut file = File::options().read(true).write(true).open(&path).await.unwrap();
        begin_and_drop(file.read(&mut [0; 4])).await;
        file.set_len(2).await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "ab");
    });
}

#[test]
fn a_dropped_write_is_done_before_what_comes_next() {
    let folder = Folder::new();
    let path = folder.at("a");
    one_thread().block_on(async {
        let mut file = File::create(&path).await.unwrap();
        let held = hold();
        begin_and_drop(file.write(b"first ")).await;
        held.free().await;
        file.write_all(b"second").await.unwrap();
    });
    assert_eq!(std_fs::read(&path).unwrap(), b"first second");
}

#[test]
fn a_dropped_write_is_done_even_if_its_file_is_dropped() {
    let folder = Folder::new();
    let path = folder.at("a");
    one_thread().block_on(async {
        let mut file = File::create(&path).await.unwrap();
        let held = hold();
        begin_and_drop(file.write(b"written")).await;
        drop(file);
        held.free().await;
        jobs_are_done().await;
    });
    assert_eq!(std_fs::read(&path).unwrap(), b"written");
}

#[test]
fn the_error_of_a_dropped_write_is_told_by_the_next_flush_and_once() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    run(async {
        let mut file = File::open(&path).await.unwrap();
        begin_and_drop(file.write(b"refused")).await;
        let error = file.flush().await.unwrap_err();
        assert!(error.to_string().starts_with(&format!("write {}: ", path.display())), "{error}");
        file.flush().await.unwrap();
        begin_and_drop(file.write(b"refused")).await;
        assert_eq!(file.read(&mut [0]).await.unwrap(), 0, "a read does not tell");
        file.seek(SeekFrom::Start(0)).await.unwrap_err();
        file.seek(SeekFrom::Start(0)).await.unwrap();
    });
}

#[test]
fn a_polled_write_is_acknowledged_at_once_and_its_error_told_by_flush() {
    let folder = Folder::new();
    let (good, bad) = (folder.at("good"), folder.file("bad", ""));
    one_thread().block_on(async {
        let mut file = File::create(&good).await.unwrap();
        let mut refused = File::open(&bad).await.unwrap();
        let held = hold();
        assert_eq!(poll_fn(|cx| file.poll_write(cx, b"bytes")).await.unwrap(), 5);
        assert_eq!(poll_fn(|cx| refused.poll_write(cx, b"bytes")).await.unwrap(), 5);
        assert_eq!(std_fs::read(&good).unwrap(), b"");
        held.free().await;
        poll_fn(|cx| file.poll_flush(cx)).await.unwrap();
        assert_eq!(std_fs::read(&good).unwrap(), b"bytes");
        poll_fn(|cx| refused.poll_flush(cx)).await.unwrap_err();
    });
}

#[test]
fn a_polled_seek_waits_for_what_is_under_way_and_happens_once() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    run(async {
        let mut file = File::open(&path).await.unwrap();
        begin_and_drop(file.read(&mut [0; 4])).await;
        let to = SeekFrom::Current(3);
        assert_eq!(poll_fn(|cx| file.poll_seek(cx, to)).await.unwrap(), 3);
        let mut buffer = [0; 9];
        let n = poll_fn(|cx| file.poll_read(cx, &mut buffer)).await.unwrap();
        assert_eq!(&buffer[..n], b"def");
    });
}

#[test]
fn a_file_has_the_traits_of_futures_io() {
    use glassloop::io::{AsyncBufReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter, copy};
    use glassloop::stream::StreamExt;
    let folder = Folder::new();
    let path = folder.at("a");
    run(async {
        let mut writer = BufWriter::new(File::create_new(&path).await.unwrap());
        for n in 0..1000 {
            writer.write_all(format!("{n}\n").as_bytes()).await.unwrap();
        }
        writer.flush().await.unwrap();
        let mut file = writer.into_inner();
        AsyncSeekExt::seek(&mut file, SeekFrom::Start(2)).await.unwrap();
        let lines: Vec<String> = BufReader::new(file).lines().try_collect().await.unwrap();
        assert_eq!((lines.len(), lines[0].as_str(), lines[998].as_str()), (999, "1", "999"));
        let (mut from, mut to) = (File::open(&path).await.unwrap(), File::create(folder.at("b")).await.unwrap());
        assert_eq!(copy(&mut from, &mut to).await.unwrap(), 3890);
        to.close().await.unwrap();
    });
    assert_eq!(std_fs::read(folder.at("b")).unwrap(), std_fs::read(&path).unwrap());
}

#[test]
fn a_polled_seek_is_not_answered_by_another_that_was_dropped() {
    let folder = Folder::new();
    let path = folder.file("a", "abcdef");
    run(async {
        let mut file = File::open(&path).await.unwrap();
        begin_and_drop(file.seek(SeekFrom::Start(1))).await;
        assert_eq!(poll_fn(|cx| file.poll_seek(cx, SeekFrom::Start(4))).await.unwrap(), 4);
    });
}

/// The job of the first read sits in the system call until there are bytes; nothing can end it.
#[cfg(unix)]
#[test]
fn a_read_of_a_pipe_dropped_before_there_are_bytes_gives_them_to_the_next() {
    use std::os::fd::OwnedFd;
    run(async {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut pipe = File::from_std(OwnedFd::from(reader).into());
        begin_and_drop(pipe.read(&mut [0; 9])).await;
        writer.write_all(b"bytes").unwrap();
        let mut buffer = [0; 2];
        pipe.read(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"by");
        assert_eq!(pipe.seek(SeekFrom::Start(0)).await.unwrap_err().kind(), ErrorKind::NotSeekable);
        drop(writer);
        let mut rest = Vec::new();
        pipe.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"tes", "a seek that cannot be done costs no bytes");
    });
}

/// A socket has two streams and no position to go back to.
#[cfg(unix)]
#[test]
fn a_write_after_a_dropped_read_of_a_socket_leaves_what_was_read() {
    use std::io::Read;
    use std::os::fd::OwnedFd;
    run(async {
        let (here, mut there) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut file = File::from_std(OwnedFd::from(here).into());
        begin_and_drop(file.read(&mut [0; 9])).await;
        there.write_all(b"in").unwrap();
        file.write_all(b"out").await.unwrap();
        let mut buffer = [0; 3];
        there.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"out");
        assert_eq!(file.read(&mut buffer).await.unwrap(), 2);
        assert_eq!(&buffer[..2], b"in");
    });
}

/// A peer that closes with bytes unread resets the connection, and the system says so once.
#[cfg(unix)]
async fn dropped_read_of_a_broken_connection() -> File {
    use std::os::fd::OwnedFd;
    let (here, there) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut file = File::from_std(OwnedFd::from(here).into());
    file.write_all(b"nobody reads this").await.unwrap();
    drop(there);
    begin_and_drop(file.read(&mut [0; 9])).await;
    file
}

#[cfg(unix)]
#[test]
fn the_error_of_a_dropped_read_is_told_by_the_next_read_of_any_kind() {
    run(async {
        let mut file = dropped_read_of_a_broken_connection().await;
        assert_eq!(file.read(&mut [0; 9]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let mut file = dropped_read_of_a_broken_connection().await;
        let error = file.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(file.read_to_end(&mut Vec::new()).await.unwrap(), 0, "it is told once");
    });
}

#[cfg(unix)]
#[test]
fn the_error_of_a_dropped_read_outlasts_a_flush() {
    run(async {
        let mut file = dropped_read_of_a_broken_connection().await;
        file.flush().await.unwrap();
        assert_eq!(file.read(&mut [0; 9]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

// ---- folders

/// So many entries, and their names in order.
fn fill(folder: &Folder, entries: usize) -> BTreeSet<String> {
    (0..entries)
        .map(|n| {
            folder.file(&format!("{n:04}"), "");
            format!("{n:04}")
        })
        .collect()
}

fn name(entry: &DirEntry) -> String {
    entry.file_name().into_string().unwrap()
}

#[test]
fn a_folder_of_1000_entries_is_listed_whole_in_a_few_jobs() {
    let folder = Folder::new();
    let expected = fill(&folder, 1000);
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    let found: BTreeSet<_> = runtime.block_on(async {
        let mut entries = fs::read_dir(&folder.0).await.unwrap();
        let mut found = BTreeSet::new();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert!(entry.file_type().await.unwrap().is_file());
            assert!(found.insert(name(&entry)), "{entry:?} came twice");
        }
        assert!(entries.next_entry().await.unwrap().is_none(), "the end stays the end");
        found
    });
    assert_eq!(found, expected);
    let jobs = recorder.text().lines().filter(|line| line.contains(" blocking by ")).count();
    assert!(jobs <= 10, "{jobs} jobs");
}

#[test]
fn a_next_entry_that_is_dropped_takes_none() {
    let folder = Folder::new();
    let expected = fill(&folder, 300);
    let found: BTreeSet<_> = run(async {
        let mut entries = fs::read_dir(&folder.0).await.unwrap();
        let mut found = BTreeSet::new();
        loop {
            let mut dropped = Box::pin(entries.next_entry());
            let ready = poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx))).await;
            drop(dropped);
            let entry = match ready {
                Poll::Ready(entry) => entry,
                Poll::Pending => entries.next_entry().await,
            };
            match entry.unwrap() {
                Some(entry) => found.insert(name(&entry)),
                None => break found,
            };
        }
    });
    assert_eq!(found, expected);
}

#[test]
fn a_folder_is_a_stream_of_its_entries() {
    use glassloop::stream::StreamExt;
    let folder = Folder::new();
    let expected = fill(&folder, 300);
    let found: BTreeSet<_> = run(async {
        let entries = fs::read_dir(&folder.0).await.unwrap();
        entries.map(|entry| name(&entry.unwrap())).collect().await
    });
    assert_eq!(found, expected);
}

#[test]
fn an_entry_tells_its_path_and_what_it_is() {
    let folder = Folder::new();
    folder.file("a", "four");
    run(async {
        let mut entries = fs::read_dir(&folder.0).await.unwrap();
        let entry = entries.next_entry().await.unwrap().unwrap();
        assert_eq!(entry.path(), folder.at("a"));
        assert_eq!(entry.metadata().await.unwrap().len(), 4);
        fs::remove_file(entry.path()).await.unwrap();
        let gone = entry.metadata().await.unwrap_err();
        assert!(gone.to_string().starts_with(&format!("look at {}: ", folder.at("a").display())), "{gone}");
    });
}

// ---- the pool

/// In a process of its own, where no other test makes threads.
#[cfg(target_os = "linux")]
#[test]
fn a_thousand_files_are_read_at_once_by_no_more_threads_than_allowed() {
    const CHILD: &str = "GLASSLOOP_TEST_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let name = "a_thousand_files_are_read_at_once_by_no_more_threads_than_allowed";
        let output = child.args([name, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let threads = || std_fs::read_dir("/proc/self/task").unwrap().count();
    let (folder, before) = (Folder::new(), threads());
    let names = fill(&folder, 1000);
    Builder::new().max_blocking_threads(4).build().unwrap().block_on(async {
        let tasks: Vec<_> = names.into_iter().map(|name| spawn(fs::read(folder.at(&name)))).collect();
        for read in join_all(tasks).await {
            assert_eq!(read.unwrap().unwrap(), b"");
        }
        let made = threads() - before;
        assert!((1..=4).contains(&made), "{made} threads, each of which lives on for a while");
    });
}

#[test]
fn inline_the_same_program_gives_the_same_trace() {
    let folder = Folder::new();
    let program = |path: &Path| {
        let recorder = Recorder::new();
        let builder = Builder::new().inline_blocking().start_paused(true);
        builder.observer(recorder.observer()).build().unwrap().block_on(async {
            let mut file = File::create(path).await.unwrap();
            let writes = join_all([spawn(fs::metadata(path)), spawn(fs::metadata(path))]);
            file.write_all(b"abc").await.unwrap();
            writes.await;
            begin_and_drop(file.seek(SeekFrom::Start(0))).await;
            file.set_len(1).await.unwrap();
        });
        recorder.text()
    };
    let text = program(&folder.at("a"));
    assert_eq!(text, program(&folder.at("a")));
    assert!(!text.contains("thread"), "{text}");
}

#[test]
fn the_job_of_an_operation_shows_where_it_was_begun() {
    let recorder = Recorder::new();
    let line = line!() + 2;
    Builder::new().observer(recorder.observer()).build().unwrap().block_on(async {
        let _ = fs::metadata("/").await;
    });
    let expected = format!("spawn 2 blocking by 1 at {}:{line}:", file!());
    assert!(recorder.text().contains(&expected), "{}", recorder.text());
}

#[test]
fn a_job_whose_runtime_ends_before_it_began_is_not_done_and_says_so() {
    let folder = Folder::new();
    let path = folder.file("a", "");
    let runtime = one_thread();
    let mut removal = Box::pin(fs::remove_file(&path));
    let held = runtime.block_on(async {
        let held = hold();
        begin(removal.as_mut()).await;
        held
    });
    held.job.detach();
    runtime.shutdown(Duration::ZERO).unwrap_err(); // names the job that holds the thread
    drop(held.free);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let Poll::Ready(Err(error)) = removal.as_mut().poll(&mut cx) else { panic!("it was taken back") };
    assert_eq!(error.to_string(), "the file operation gave no result: its runtime is gone");
    assert!(path.exists());
}

// ---- types

/// Checked when this file is compiled.
#[test]
fn files_and_their_futures_may_leave_the_thread() {
    fn both<T: Send + Sync + 'static>() {}
    fn send<T: Send>(_: &T) {}
    both::<File>();
    both::<OpenOptions>();
    both::<DirBuilder>();
    both::<DirEntry>();
    both::<ReadDir>();
    both::<Operation<Vec<u8>>>();
    let _never_called = |file: &mut File, entries: &mut ReadDir, buffer: &mut [u8]| {
        send(&file.read(buffer));
        send(&file.write_all(b""));
        send(&file.seek(SeekFrom::Start(0)));
        send(&file.sync_all());
        send(&entries.next_entry());
    };
    let _pinned: Pin<Box<dyn Future<Output = io::Result<Vec<u8>>> + Send>> = Box::pin(fs::read("a"));
}
