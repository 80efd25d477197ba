//! The file that events end up in: in memory where the system offers that, without a name, and no longer than a given length, behind
//! which it begins anew.

use std::env;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, Write};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::bench::lanes::forever;

/// The length at which it begins anew.
const LENGTH: u64 = 16 << 20;

/// What was done with a tape.
#[derive(Default)]
pub struct Uses {
    writes: AtomicU64,
    flushes: AtomicU64,
}

impl Uses {
    /// How often it was written to.
    pub fn writes(&self) -> u64 {
        self.writes.load(Acquire)
    }

    /// How often it was flushed.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Acquire)
    }
}

/// The file, with a buffer.
pub struct Tape {
    file: BufWriter<File>,
    at: u64,
    uses: &'static Uses,
}

/// Where such files are.
pub fn directory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { env::temp_dir() }
}

impl Tape {
    /// A new one, and what will have been done with it.
    pub fn new() -> io::Result<(Self, &'static Uses)> {
        static NAMES: AtomicU64 = AtomicU64::new(0);
        let name = format!("perseq-bench.{}.{}", process::id(), NAMES.fetch_add(1, Relaxed));
        let path = directory().join(name);
        let file = File::options().write(true).create_new(true).open(&path)?;
        fs::remove_file(&path)?;
        let uses = forever(Uses::default());
        Ok((Self { file: BufWriter::new(file), at: 0, uses }, uses))
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.at += bytes.len() as u64;
        if self.at >= LENGTH {
            self.file.rewind()?;
            self.at = 0;
        }
        // Others read the number, and only the thread that writes changes it.
        self.uses.writes.store(self.uses.writes.load(Relaxed) + 1, Release);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.uses.flushes.fetch_add(1, Release);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tape_begins_anew_and_tells_its_uses() {
        let (mut tape, uses) = Tape::new().unwrap();
        let block = vec![7; 1 << 20];
        for _ in 0..20 {
            tape.write_all(&block).unwrap();
        }
        tape.flush().unwrap();
        assert_eq!((uses.writes(), uses.flushes()), (20, 1));
        assert_eq!(tape.file.get_ref().metadata().unwrap().len(), LENGTH);
    }
}
