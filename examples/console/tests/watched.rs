//! What console-subscriber makes of a program on glassloop, asked by the protocol of tokio-console itself.

use std::collections::HashMap;
use std::future::pending;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use console_api::field::{Name, Value};
use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, TaskDetailsRequest, Update};
use console_api::resources::resource;
use console_api::tasks::task_details::PollTimesHistogram;
use console_api::{Attribute, Field, async_ops, resources, tasks};
use console_subscriber::{ConsoleLayer, ServerParts};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::Mutex;
use glassloop::time::sleep;
use glassloop::{Builder, spawn_blocking, spawn_named, yield_now};
use tonic::transport::Channel;
use tracing_subscriber::layer::SubscriberExt;

// The subscriber, and a client of it.

/// What the subscriber tells a client that comes now: all that it knows.
#[derive(Default)]
struct Seen {
    tasks: HashMap<u64, tasks::Task>,
    task_stats: HashMap<u64, tasks::Stats>,
    resources: HashMap<u64, resources::Resource>,
    resource_stats: HashMap<u64, resources::Stats>,
    ops: HashMap<u64, async_ops::AsyncOp>,
    op_stats: HashMap<u64, async_ops::Stats>,
}

impl Seen {
    fn add(&mut self, update: Update) {
        if let Some(update) = update.task_update {
            assert_eq!(update.dropped_events, 0);
            self.tasks.extend(update.new_tasks.into_iter().map(|task| (task.id.unwrap().id, task)));
            self.task_stats.extend(update.stats_update);
        }
        if let Some(update) = update.resource_update {
            assert_eq!(update.dropped_events, 0);
            self.resources.extend(update.new_resources.into_iter().map(|new| (new.id.unwrap().id, new)));
            self.resource_stats.extend(update.stats_update);
        }
        if let Some(update) = update.async_op_update {
            assert_eq!(update.dropped_events, 0);
            self.ops.extend(update.new_async_ops.into_iter().map(|op| (op.id.unwrap().id, op)));
            self.op_stats.extend(update.stats_update);
        }
    }

    #[track_caller]
    fn task(&self, name: &str) -> (&tasks::Task, &tasks::Stats) {
        let is_it = |task: &&tasks::Task| field(&task.fields, "task.name") == name;
        let task =
            self.tasks.values().find(is_it).unwrap_or_else(|| panic!("no task {name:?}: {:#?}", self.tasks));
        (task, &self.task_stats[&task.id.unwrap().id])
    }

    /// The name of the task that polled this last.
    fn name_of(&self, op: &async_ops::AsyncOp) -> String {
        let task = self.op_stats[&op.id.unwrap().id].task_id.expect("it was polled");
        field(&self.tasks[&task.id].fields, "task.name")
    }

    /// The resources of a type, with their attributes and the operations on them.
    fn resources(
        &self,
        concrete_type: &str,
    ) -> Vec<(&resources::Resource, &[Attribute], Vec<&async_ops::AsyncOp>)> {
        let of_type = self.resources.iter().filter(|(_, resource)| resource.concrete_type == concrete_type);
        let whole = of_type.map(|(id, resource)| {
            let ops = self.ops.values().filter(|op| op.resource_id.unwrap().id == *id).collect();
            (resource, &self.resource_stats[id].attributes[..], ops)
        });
        whole.collect()
    }
}

/// All that is told of `main`, and of the tasks that it leaves.
fn seen(main: impl Future<Output = ()>) -> Seen {
    let main = async {
        main.await;
        spawn_named("last", async {}).await.unwrap();
    };
    watch(main, async |mut client| all(&mut client).await)
}

/// Reads until the task `last` has ended: what happened before it was told before it.
async fn all(client: &mut Client) -> Seen {
    let mut updates = client.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
    let mut seen = Seen::default();
    loop {
        seen.add(updates.message().await.unwrap().expect("the server goes on"));
        let last = seen.tasks.iter().find(|(_, task)| field(&task.fields, "task.name") == "last");
        if last.and_then(|(id, _)| seen.task_stats[id].dropped_at).is_some() {
            return seen;
        }
    }
}

/// What a field of this name holds, as text.
fn field(fields: &[Field], name: &str) -> String {
    let is_it = |field: &&Field| field.name == Some(Name::StrName(name.into()));
    match fields.iter().find(is_it).and_then(|field| field.value.clone()) {
        Some(Value::DebugVal(text) | Value::StrVal(text)) => text,
        Some(Value::U64Val(number)) => number.to_string(),
        other => panic!("{name}: {other:?} in {fields:#?}"),
    }
}

fn attribute(attributes: &[Attribute], name: &str) -> String {
    let fields: Vec<_> = attributes.iter().filter_map(|attribute| attribute.field.clone()).collect();
    field(&fields, name)
}

type Client = InstrumentClient<Channel>;

/// Runs `main` on a glassloop runtime with a subscriber, and then `look` on a tokio runtime with a client, while the
/// tasks that are left still live.
fn watch<T: Send>(main: impl Future<Output = ()>, look: impl AsyncFnOnce(Client) -> T + Send) -> T {
    if cfg!(not(console_without_tokio_unstable)) {
        panic!("run `cargo test` in examples/console, or with RUSTFLAGS=\"--cfg console_without_tokio_unstable\"");
    }
    let (layer, server) = ConsoleLayer::builder().publish_interval(Duration::from_millis(5)).build();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        on_tokio(async {
            let ServerParts { instrument_server, aggregator, .. } = server.into_parts();
            tokio::spawn(aggregator.run());
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
            let server = tonic::transport::Server::builder().add_service(instrument_server);
            server.serve_with_incoming(incoming).await.unwrap();
        });
    });
    let runtime = Builder::new().console(true).build().unwrap();
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(layer));
    runtime.block_on(main);
    // On a thread without the subscriber, or it would be told of what its client does.
    thread::scope(|scope| {
        let look = scope.spawn(|| {
            on_tokio(async {
                let client = Client::connect(format!("http://{address}")).await.unwrap();
                look(client).await
            })
        });
        look.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

// What it sees.

#[test]
fn tasks_have_names_kinds_and_the_place_of_their_spawn() {
    let line = line!() + 2;
    let seen = seen(async {
        spawn_named("named", async {}).await.unwrap();
        spawn_blocking(|| ()).await.unwrap();
    });
    let (task, stats) = seen.task("named");
    let place = task.location.as_ref().unwrap();
    assert_eq!((place.line, place.column), (Some(line), Some(9)));
    assert!(place.file.as_ref().unwrap().ends_with("tests/watched.rs"), "{place:?}");
    assert!(stats.dropped_at.is_some(), "it has ended");
    let mut kinds: Vec<_> = seen.tasks.values().map(|task| field(&task.fields, "kind")).collect();
    kinds.sort();
    assert_eq!(kinds, ["block_on", "blocking", "task", "task"]);
}

#[test]
fn polls_wakes_and_self_wakes_are_counted() {
    let seen = seen(async {
        let yields = spawn_named("yields", async {
            for _ in 0..3 {
                yield_now().await;
            }
        });
        let sleeps = spawn_named("sleeps", async {
            for _ in 0..2 {
                sleep(Duration::from_millis(1)).await;
            }
        });
        yields.await.unwrap();
        sleeps.await.unwrap();
    });
    let counts = |name| {
        let stats = seen.task(name).1;
        (stats.poll_stats.as_ref().unwrap().polls, stats.wakes, stats.self_wakes)
    };
    assert_eq!(counts("yields"), (4, 3, 3));
    assert_eq!(counts("sleeps"), (3, 2, 0));
}

/// The console warns of a task that has lost its waker if it lives, is not woken, and has dropped as many as it cloned.
#[test]
fn the_task_that_nobody_can_wake_has_no_waker_and_the_one_that_waits_has() {
    let seen = seen(async {
        let lock = Rc::new(Mutex::new(()));
        let second = lock.clone();
        std::mem::forget(lock.lock().await);
        spawn_named("waits", async move { drop(second.lock().await) }).detach();
        spawn_named("forgets", pending::<()>()).detach();
        yield_now().await;
    });
    let wakers = |name| {
        let stats = seen.task(name).1;
        assert_eq!((stats.dropped_at, stats.last_wake), (None, None), "{name} lives, and was never woken");
        stats.waker_clones - stats.waker_drops
    };
    assert_eq!(wakers("forgets"), 0);
    assert_eq!(wakers("waits"), 1);
}

#[test]
fn a_lock_is_a_resource_with_who_waits_for_it() {
    let made = line!() + 2;
    let seen = seen(async {
        let lock = Rc::new(Mutex::new(()));
        let guard = lock.lock().await;
        for name in ["second", "third"] {
            let lock = lock.clone();
            spawn_named(name, async move { drop(lock.lock().await) }).detach();
        }
        yield_now().await;
        std::mem::forget(guard);
    });
    let locks = seen.resources("Mutex");
    let [(lock, attributes, ops)] = &locks[..] else { panic!("one lock: {locks:#?}") };
    assert_eq!(lock.location.as_ref().unwrap().line, Some(made));
    assert_eq!(lock.kind.as_ref().unwrap().kind, Some(resource::kind::Kind::Other("Sync".into())));
    assert_eq!(attribute(attributes, "waiters"), "2");
    let mut waiting: Vec<_> = ops.iter().map(|op| (op.source.as_str(), seen.name_of(op))).collect();
    waiting.sort();
    assert_eq!(waiting, [("Mutex::lock", "second".into()), ("Mutex::lock", "third".into())]);
}

#[test]
fn timers_and_sockets_are_resources() {
    let seen = seen(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn_named("server", async move { drop(listener.accept().await.unwrap()) });
        sleep(Duration::from_millis(1)).await;
        let _client = TcpStream::connect(address).await.unwrap();
        server.await.unwrap();
    });
    let timers = seen.resources("Sleep");
    let timer = resource::kind::Kind::Known(resource::kind::Known::Timer as i32);
    assert_eq!(timers[0].0.kind.as_ref().unwrap().kind, Some(timer));
    assert_eq!(timers[0].2[0].source, "Sleep");
    let of_server = |ops: &[&async_ops::AsyncOp]| ops.iter().any(|op| seen.name_of(op) == "server");
    let sockets = seen.resources("socket");
    let (listener, attributes, ops) = sockets.iter().find(|(_, _, ops)| of_server(ops)).unwrap();
    assert_eq!(listener.kind.as_ref().unwrap().kind, Some(resource::kind::Kind::Other("io".into())));
    assert!(attribute(attributes, "address").starts_with("127.0.0.1:"), "{attributes:?}");
    assert_eq!(ops[0].source, "readable");
}

#[test]
fn a_long_poll_is_in_the_histogram_of_its_task() {
    const LONG: Duration = Duration::from_millis(50);
    let main = async {
        let holds = spawn_named("holds the loop", async {
            yield_now().await;
            thread::sleep(LONG);
        });
        holds.await.unwrap();
        spawn_named("last", async {}).await.unwrap();
    };
    let (id, histogram) = watch(main, async |mut client| {
        let id = all(&mut client).await.task("holds the loop").0.id.unwrap();
        let details = client.watch_task_details(TaskDetailsRequest { id: Some(id) }).await.unwrap();
        let told = details.into_inner().message().await.unwrap().expect("the details of a task that is kept");
        (id, (told.task_id, told.poll_times_histogram))
    });
    let (of_task, Some(PollTimesHistogram::Histogram(histogram))) = histogram else { panic!("{histogram:?}") };
    assert_eq!(of_task, Some(id));
    let mut bytes = &histogram.raw_histogram[..];
    let polls: hdrhistogram::Histogram<u64> =
        hdrhistogram::serialization::Deserializer::new().deserialize(&mut bytes).unwrap();
    assert_eq!(polls.len(), 2);
    assert!(Duration::from_nanos(polls.max()) >= LONG, "{polls:?}");
}

/// An example that nobody runs is a defect.
#[test]
fn the_example_runs() {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps");
    let example = folder.join("examples/watched").with_extension(std::env::consts::EXE_EXTENSION);
    assert!(example.exists(), "`cargo test` builds it");
    let run = Command::new(example).arg("1").env("TOKIO_CONSOLE_BIND", "127.0.0.1:0").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&run.stdout), "it ran for its time: true\n");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

fn on_tokio<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
