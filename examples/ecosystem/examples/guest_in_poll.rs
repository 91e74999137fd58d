//! glassloop as a guest inside a plain `poll(2)` loop, which also watches a socket of its own.
//!
//! The host is the old kind of program: an array of descriptors and a loop around `poll`. The guest is one line more
//! in the array. Between turns the host may wake, spawn and drop: the descriptor tells of that too.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc;
use glassloop::time::{Instant, sleep};
use glassloop::{Guest, Next, Runtime};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

fn main() -> std::io::Result<()> {
    let own = UdpSocket::bind("127.0.0.1:0")?;
    let address = own.local_addr()?;
    let guest = Guest::new(Runtime::new()?)?;

    // The guest's side: answers each word after a while, by a datagram to the host's socket.
    let (words, mut heard) = mpsc::unbounded::<String>();
    let answers = guest.spawn(async move {
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        while let Some(word) = heard.next().await {
            sleep(Duration::from_micros(300)).await;
            sender.send_to(word.to_uppercase().as_bytes(), address).unwrap();
        }
    });

    // The host's side: a word out, an answer in.
    let mut left = ["one", "two", "three"].into_iter();
    let mut words = Some(words);
    let mut say_next = || match left.next() {
        Some(word) => words.as_ref().unwrap().unbounded_send(word.into()).unwrap(),
        None => drop(words.take()), // the end of the stream, and of the guest's task
    };
    say_next();
    while !answers.is_finished() {
        let wait = match guest.turn(Some(Duration::ZERO)).next {
            Next::Now => Some(Duration::ZERO),
            // On Linux the descriptor is readable at the deadline too, and `None` would do.
            Next::At(deadline) => Some(deadline - Instant::now()),
            _ if answers.is_finished() => break,
            _ => None,
        };
        let wait = wait.map(|wait| Timespec::try_from(wait).expect("a wait of a kernel's size"));
        let mut descriptors =
            [PollFd::new(&guest, PollFlags::IN), PollFd::from_borrowed_fd(own.as_fd(), PollFlags::IN)];
        poll(&mut descriptors, wait.as_ref())?;
        if descriptors[1].revents().contains(PollFlags::IN) {
            let mut answer = [0; 16];
            let size = own.recv(&mut answer)?;
            println!("{}", String::from_utf8_lossy(&answer[..size]));
            say_next();
        }
    }
    println!("the guest's task has finished");
    Ok(())
}

// Output:
// ONE
// TWO
// THREE
// the guest's task has finished
