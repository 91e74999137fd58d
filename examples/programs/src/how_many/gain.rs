//! The same work in three ways.

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use glassloop::{join_all, spawn, spawn_cpu};

use super::service::Call;

/// How long the same work took.
#[derive(Clone, Copy, Debug)]
pub struct Gain {
    /// Without async, one after the other.
    pub plain: Duration,
    /// As tasks, one after the other: what async costs.
    pub in_turn: Duration,
    /// As tasks, together: what it gains.
    pub together: Duration,
}

impl Gain {
    /// How many times as fast as plain code it is to do it together; below 1, async loses.
    pub fn factor(&self) -> f64 {
        self.plain.as_secs_f64() / self.together.as_secs_f64()
    }

    /// Of several rounds, the best of each way: what else the machine does can only make one slower.
    pub fn best(rounds: &[Gain]) -> Gain {
        let best = |way: fn(&Gain) -> Duration| rounds.iter().map(way).min().unwrap_or_default();
        Gain {
            plain: best(|gain| gain.plain),
            in_turn: best(|gain| gain.in_turn),
            together: best(|gain| gain.together),
        }
    }
}

/// `count` calls of the [`service`](super::service()) at `addr`, which waits for `wait` before it answers; each on a
/// connection of its own, made before.
///
/// # Errors
/// What the system says of the sockets.
pub fn calls(addr: SocketAddr, count: usize, wait: Duration) -> io::Result<Gain> {
    let mut streams = (0..count).map(|_| TcpStream::connect(addr)).collect::<io::Result<Vec<_>>>()?;
    let ask = |stream: &mut TcpStream, call: Call| {
        stream.write_all(&call)?;
        stream.read_exact(&mut Call::default())
    };
    for stream in &mut streams {
        stream.set_nodelay(true)?;
        ask(stream, Call::default())?; // the service's thread for it is there now
    }
    let call = Call::from((wait.as_micros() as u64).to_le_bytes());
    let start = Instant::now();
    streams.iter_mut().try_for_each(|stream| ask(stream, call))?;
    let plain = start.elapsed();

    glassloop::run(async {
        let streams = streams.into_iter().map(|stream| {
            stream.set_nonblocking(true)?;
            glassloop::net::TcpStream::from_std(stream)
        });
        let streams = streams.collect::<io::Result<Vec<_>>>()?;
        let ask = async |stream: &glassloop::net::TcpStream| {
            stream.write_all(&call).await?;
            stream.read_exact(&mut Call::default()).await
        };
        let start = Instant::now();
        for stream in &streams {
            ask(stream).await?;
        }
        let in_turn = start.elapsed();
        let start = Instant::now();
        join_all(streams.iter().map(ask)).await.into_iter().collect::<io::Result<()>>()?;
        Ok(Gain { plain, in_turn, together: start.elapsed() })
    })
}

/// `count` computations; in the place of `together` first as tasks of one loop, then on the threads of [`spawn_cpu`].
pub fn computations(count: u64) -> (Gain, Gain) {
    let expected = compute(0);
    let start = Instant::now();
    (0..count).for_each(|_| assert_eq!(compute(0), expected));
    let plain = start.elapsed();
    glassloop::run(async {
        let start = Instant::now();
        for _ in 0..count {
            assert_eq!(spawn(async { compute(0) }).await.unwrap(), expected);
        }
        let in_turn = start.elapsed();
        let start = Instant::now();
        let tasks: Vec<_> = (0..count).map(|_| spawn(async { compute(0) })).collect();
        assert!(join_all(tasks).await.into_iter().all(|sum| sum.unwrap() == expected));
        let together = start.elapsed();
        let start = Instant::now();
        let jobs: Vec<_> = (0..count).map(|_| spawn_cpu(|| compute(0))).collect();
        assert!(join_all(jobs).await.into_iter().all(|sum| sum.unwrap() == expected));
        (Gain { plain, in_turn, together }, Gain { plain, in_turn, together: start.elapsed() })
    })
}

/// Some hundred microseconds of work for a processor.
fn compute(seed: u64) -> u64 {
    // Each step needs the one before, so that no compiler shortens it.
    (0..200_000_u64).fold(black_box(seed), |sum, n| (sum ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(7))
}

/// `count` steps that need not wait: as calls of a function, as tasks awaited one by one, as tasks all at once.
pub fn steps(count: u64) -> Gain {
    let start = Instant::now();
    let sum: u64 = (0..count).map(|n| black_box(n) * 2).sum();
    let plain = start.elapsed();
    glassloop::run(async {
        let start = Instant::now();
        let mut summed = 0;
        for n in 0..count {
            summed += spawn(async move { black_box(n) * 2 }).await.unwrap();
        }
        assert_eq!(summed, sum);
        let in_turn = start.elapsed();
        let start = Instant::now();
        let tasks: Vec<_> = (0..count).map(|n| spawn(async move { black_box(n) * 2 })).collect();
        assert_eq!(join_all(tasks).await.into_iter().map(Result::unwrap).sum::<u64>(), sum);
        Gain { plain, in_turn, together: start.elapsed() }
    })
}
