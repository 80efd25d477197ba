//! A test in a process of its own: to set its environment, to let it die, or to leave it in a state that other tests
//! must not see.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::limit::eventually;

/// Tells a process that it is the child of a test.
const CHILD: &str = "PERSEQ_TEST_CHILD";
/// How long a child may run.
const LIMIT: Duration = Duration::from_secs(60);

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it printed, on both streams.
    pub output: String,
}

impl Ended {
    /// # Panics
    /// If the child failed, with what it printed.
    #[track_caller]
    pub fn assert_success(&self) {
        assert!(self.status.success(), "the child ended with {}:\n{}", self.status, self.output);
    }
}

/// Runs test `name` of this test binary again in a process of its own, in which [`is_child`] holds.
///
/// # Panics
/// If it cannot be started, or does not end within a minute.
#[must_use]
pub fn run(name: &str, environment: &[(&str, &str)]) -> Ended {
    let mut command = Command::new(std::env::current_exe().expect("the path of this test binary"));
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, name).envs(environment.iter().copied());
    let (status, output) = run_for(LIMIT, &mut command);
    let status = status.unwrap_or_else(|| panic!("{name} did not end within {LIMIT:?}:\n{output}"));
    Ended { status, output }
}

/// Runs a command for at most `limit`, then ends it; gives its exit status, if it has ended by itself, and what it printed.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn run_for(limit: Duration, command: &mut Command) -> (Option<ExitStatus>, String) {
    run_for_reading(Stdio::null(), limit, command)
}

/// [`run_for`], with something to read.
///
/// # Panics
/// As there.
#[must_use]
pub fn run_for_reading(
    input: impl Into<Stdio>,
    limit: Duration,
    command: &mut Command,
) -> (Option<ExitStatus>, String) {
    let output = Output::of(command);
    command.stdin(input);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let mut status = None;
    let ended = eventually(limit, || {
        status = child.try_wait().expect("the child is ours to wait for");
        status.is_some()
    });
    if !ended {
        let _ = child.kill();
        let _ = child.wait();
    }
    (status, output.read())
}

/// What a command prints on both streams: in a file, as a pipe that nobody reads while waiting would fill up.
#[derive(Debug)]
pub struct Output(File);

impl Output {
    /// Lets a command that is not started yet print there.
    ///
    /// # Panics
    /// If there is no memory for it.
    #[must_use]
    pub fn of(command: &mut Command) -> Self {
        let output: File = memfd_create("output", MemfdFlags::CLOEXEC).expect("a memory file").into();
        let stream = || output.try_clone().expect("a second handle");
        command.stdout(stream()).stderr(stream());
        Self(output)
    }

    /// What was printed.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn read(mut self) -> String {
        let mut bytes = Vec::new();
        self.0.rewind().and_then(|()| self.0.read_to_end(&mut bytes)).expect("a memory file can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Whether this process was started by [`run`] for test `name`.
#[must_use]
pub fn is_child(name: &str) -> bool {
    std::env::var_os(CHILD).is_some_and(|child| child == name)
}

/// Says that this process is about to die by a signal, so that it leaves no core file.
pub fn expect_to_die() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // If it cannot be lowered there is a core file too many.
    let _ = setrlimit(Resource::Core, none);
}
