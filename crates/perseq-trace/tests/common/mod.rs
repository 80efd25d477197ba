//! What tests of several processes share: programs that they start, counts of what these have recorded, and what is read of it.
#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use perseq::shared::{Shareable, SharedPerCpu};
use perseq_ctf::Trace;
use perseq_ctf::payload::Value;
use perseq_tests::limit::Limit;
use perseq_trace::event;

/// What a process that a test has started is to do.
pub const ROLE: &str = "PERSEQ_TEST_ROLE";

/// A process that runs a test of this file again, in a role; it is killed when this is dropped.
pub struct Role(pub Child);

impl Role {
    pub fn start(test: &str, role: &str, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, role);
        command.envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::inherit());
        Self(command.spawn().unwrap())
    }

    pub fn ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

pub fn given(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// A place in memory for a test, which is removed again.
pub struct Place {
    pub path: PathBuf,
    pub name: String,
    _limit: Limit,
}

impl Place {
    pub fn new(test: &'static str) -> Self {
        let name = format!("test-{test}-{}", std::process::id());
        let path = PathBuf::from(format!("/dev/shm/perseq-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).unwrap();
        Self { path, name, _limit: Limit::start(Duration::from_secs(100), test) }
    }

    pub fn trace(&self) -> PathBuf {
        self.path.join("trace")
    }

    /// Counts that processes share.
    pub fn counts(&self) -> Counts {
        let path = std::ffi::CString::new(self.path.join("counts").to_str().unwrap()).unwrap();
        Counts::create(&path, 64).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// How many events each of some programs has recorded.
#[repr(C)]
pub struct Told(pub [AtomicU64; 8]);

// SAFETY: numbers, of which zero is one.
unsafe impl Shareable for Told {
    const LAYOUT: u64 = 8;
}

#[repr(C)]
pub struct Nothing(u64);

// SAFETY: as above.
unsafe impl Shareable for Nothing {
    const LAYOUT: u64 = 0;
}

pub type Counts = SharedPerCpu<Nothing, Told>;

pub fn told(counts: &Counts, program: usize) -> &AtomicU64 {
    &counts.common().0[program]
}

/// Records events one after the other, with their number, and tells of each after that.
pub fn emit(program: u64, events: u64, counts: &str) {
    let path = std::ffi::CString::new(counts).unwrap();
    let counts = Counts::open(&path).unwrap();
    for number in 0..events {
        event!(numbered::event, program: u64 = program, number: u64 = number, text: &str = "and some text");
        told(&counts, program as usize).fetch_add(1, Ordering::Relaxed);
    }
}

/// The numbers of events of each program, which are in their order on each CPU, by their number.
pub fn numbers(trace: &Path) -> BTreeMap<u64, Vec<u64>> {
    let trace = Trace::open(trace).unwrap();
    let mut numbers = BTreeMap::<u64, Vec<u64>>::new();
    let mut last = BTreeMap::new();
    for event in trace.events().unwrap() {
        let event = event.unwrap();
        let fields: Vec<_> = event.fields().map(|field| field.unwrap().1).collect();
        let [Value::Unsigned(program), Value::Unsigned(number), Value::Str(text)] = &fields[..] else {
            panic!("{fields:?}");
        };
        assert_eq!(text, "and some text");
        let before = last.insert((*program, event.cpu()), *number);
        assert!(before < Some(*number), "program {program}: {number} after {before:?}");
        numbers.entry(*program).or_default().push(*number);
    }
    numbers.values_mut().for_each(|numbers| numbers.sort_unstable());
    numbers
}

/// All from 0 on, each once.
pub fn assert_complete(numbers: &[u64], expected: std::ops::RangeInclusive<u64>) {
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "some are missing, or twice");
    assert!(expected.contains(&(numbers.len() as u64)), "{} instead of {expected:?}", numbers.len());
}
