//! Files, with the names of `std::fs`: each call is a job on the blocking pool, so no disk holds up the loop.

use std::io;

use glassloop::fs::{self, File};

fn main() -> io::Result<()> {
    glassloop::run(async {
        let folder = std::env::temp_dir().join(format!("glassloop-example-{}", std::process::id()));
        fs::create_dir_all(&folder).await?;

        let mut diary = File::create(folder.join("diary")).await?;
        for day in ["monday", "tuesday"] {
            diary.write_all(format!("{day}: rain\n").as_bytes()).await?; // written when it returns
        }
        fs::copy(folder.join("diary"), folder.join("diary.old")).await?;

        for line in fs::read_to_string(folder.join("diary")).await?.lines() {
            println!("{line}");
        }

        let mut entries = fs::read_dir(&folder).await?;
        let mut names = Vec::new();
        while let Some(entry) = entries.next_entry().await? {
            names.push(entry.file_name());
        }
        names.sort(); // the system gives them in no order
        println!("{names:?}");

        fs::remove_dir_all(&folder).await?;
        let error = fs::read(folder.join("diary")).await.unwrap_err();
        println!("{}", error.to_string().replace(folder.to_str().unwrap(), "…")); // the path is in the error
        Ok(())
    })
}

// Output:
// monday: rain
// tuesday: rain
// ["diary", "diary.old"]
// read …/diary: No such file or directory (os error 2)
