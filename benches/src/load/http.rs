//! HTTP/1.1 with keep-alive: one request, and its answer before the next.

use std::io;

use super::Talk;

/// What a client sends, each time.
pub const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: load\r\naccept: */*\r\n\r\n";

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";
const LENGTH: &[u8] = b"content-length: 13\r\n";
const BODY: &[u8] = b"\r\n\r\nHello, World!";

/// A connection to a server that says hello.
pub struct Http {
    answer: Vec<u8>,
    /// How long an answer is: its headers come in one order, and its date is as long every day.
    length: usize,
}

impl Talk for Http {
    fn new(_key: usize) -> Http {
        Http { answer: Vec::new(), length: 0 }
    }

    fn request(&mut self) -> &[u8] {
        self.answer.clear();
        REQUEST
    }

    fn answered(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.answer.extend_from_slice(bytes);
        let answer = &self.answer[..];
        if !answer.ends_with(BODY) {
            let is_begun = self.length == 0 || answer.len() < self.length;
            return if is_begun && answer.len() < 1024 { Ok(false) } else { Err(wrong(answer)) };
        }
        if self.length == 0 {
            let is_told = answer.windows(LENGTH.len()).any(|header| header == LENGTH);
            let has_date = answer.windows(8).any(|header| header == b"\r\ndate: ");
            if !is_told || !has_date {
                return Err(wrong(answer));
            }
            self.length = answer.len();
        }
        if answer.starts_with(HEAD) && answer.len() == self.length { Ok(true) } else { Err(wrong(answer)) }
    }
}

fn wrong(answer: &[u8]) -> io::Error {
    io::Error::other(format!("not the answer: {}", answer.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\ndate: Sat, 21 Nov 2026 16:46:30 GMT\r\n\r\nHello, World!";

    #[test]
    fn an_answer_in_two_pieces_is_whole_after_the_second() {
        let mut talk = Http::new(0);
        assert_eq!(talk.request(), REQUEST);
        assert!(!talk.answered(&GOOD[..40]).unwrap());
        assert!(talk.answered(&GOOD[40..]).unwrap());
    }

    #[test]
    fn another_status_or_body_or_two_answers_at_once_are_no_answer() {
        let other = |from: &str, to: &str| str::from_utf8(GOOD).unwrap().replace(from, to).into_bytes();
        let twice = [GOOD, GOOD].concat();
        for wrong in [other("200 OK", "500 No"), other("th: 13", "th: 14"), other("date: ", "late: "), twice] {
            let mut talk = Http::new(0);
            talk.request();
            if wrong.len() > GOOD.len() {
                assert!(talk.answered(GOOD).unwrap()); // so that it knows how long one is
                talk.request();
            }
            assert!(talk.answered(&wrong).is_err(), "{}", wrong.escape_ascii());
        }
    }
}
