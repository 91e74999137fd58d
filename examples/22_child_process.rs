//! A child process is awaited like anything else: the loop goes on meanwhile, and no thread waits for it.

use glassloop::process::{Command, Stdio};
use glassloop::{join_all, run, spawn};

fn main() {
    run(async {
        // 1: to the end, with what it said
        let output = Command::new("echo").arg("hello").output().await.unwrap();
        println!("echo said {:?}", String::from_utf8(output.stdout).unwrap());

        // 2: a conversation, through pipes
        let child = Command::new("sort").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_ref().unwrap().write_all(b"pear\napple\n").await.unwrap();
        let output = child.wait_with_output().await.unwrap(); // closes its input first, so that it ends
        println!("sort said {:?}", String::from_utf8(output.stdout).unwrap());

        // 3: three at once; the results come in the order of the list
        let codes = ["exit 0", "exit 1", "kill -KILL $$"];
        let children =
            codes.map(|code| spawn(async move { Command::new("sh").args(["-c", code]).status().await }));
        for (code, status) in codes.iter().zip(join_all(children).await) {
            println!("{code}: {}", status.unwrap().unwrap());
        }

        // 4: an error names the program
        println!("{}", Command::new("no-such-program").status().await.unwrap_err());
    });
}

// Output:
// echo said "hello\n"
// sort said "apple\npear\n"
// exit 0: exit status: 0
// exit 1: exit status: 1
// kill -KILL $$: signal: 9 (SIGKILL)
// cannot start `no-such-program`: No such file or directory (os error 2)
