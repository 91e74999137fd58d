//! 64 bytes, which come back as they were sent.

use std::io;

use super::Talk;

const MESSAGE: usize = 64;

/// A connection to an echo server.
pub struct Echo {
    key: usize,
    sent: u64,
    /// Differs from the one before, and from every other connection's.
    message: [u8; MESSAGE],
    /// How much of it has come back.
    echoed: usize,
}

impl Talk for Echo {
    fn new(key: usize) -> Echo {
        Echo { key, sent: 0, message: [0; MESSAGE], echoed: 0 }
    }

    fn request(&mut self) -> &[u8] {
        self.message = message(self.key, self.sent);
        self.sent += 1;
        self.echoed = 0;
        &self.message
    }

    fn answered(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if self.message.get(self.echoed..self.echoed + bytes.len()) != Some(bytes) {
            return Err(io::Error::other("the echo differs from the message"));
        }
        self.echoed += bytes.len();
        Ok(self.echoed == MESSAGE)
    }
}

fn message(key: usize, count: u64) -> [u8; MESSAGE] {
    let mut word = (key as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ count;
    let mut message = [0; MESSAGE];
    for eight in message.chunks_exact_mut(8) {
        eight.copy_from_slice(&word.to_le_bytes());
        word = word.rotate_left(7);
    }
    message
}
