//! Running a fixture and reading the facts it reports.

use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::io::{ErrorKind, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use perseq_tests::limit::eventually;

/// Longer than any fixture runs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a program ended, and what it said.
pub(crate) struct Run {
    command: String,
    pub(crate) status: ExitStatus,
    facts: BTreeMap<String, String>,
    output: String,
}

impl Run {
    /// Runs `command` to its end, with an environment that says nothing to the library but what the command itself adds.
    pub(crate) fn of(command: &mut Command) -> Self {
        for name in ["PERSEQ", "GLIBC_TUNABLES"] {
            if !command.get_envs().any(|(set, value)| set == name && value.is_some()) {
                command.env_remove(name);
            }
        }
        command.env("RUST_BACKTRACE", "0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = start(command);
        let facts = read(child.stdout.take());
        let errors = read(child.stderr.take());
        let mut status = None;
        let in_time = eventually(PATIENCE, || {
            status = child.try_wait().expect("the child is ours to wait for");
            status.is_some()
        });
        if !in_time {
            let _ = child.kill();
            let _ = child.wait();
        }
        let (facts, errors) = (facts.join().expect("its output"), errors.join().expect("its errors"));
        let output = format!("{facts}{errors}");
        let status =
            status.unwrap_or_else(|| panic!("{command:?} did not end within {PATIENCE:?}:\n{output}"));
        Self { command: format!("{command:?}"), status, facts: parse(&facts), output }
    }

    /// As [`of`](Self::of), and fails unless the program ends well.
    #[track_caller]
    pub(crate) fn well(command: &mut Command) -> Self {
        let run = Self::of(command);
        assert!(run.status.success(), "{run}");
        run
    }

    /// A fact, by `subject.name`.
    #[track_caller]
    pub(crate) fn fact<T: FromStr<Err: Debug>>(&self, name: &str) -> T {
        let value = self.facts.get(name).unwrap_or_else(|| panic!("no fact `{name}`: {self}"));
        value.parse().unwrap_or_else(|error| panic!("`{name}` is {value}: {error:?}"))
    }

    /// Whether there are facts about a subject.
    pub(crate) fn mentions(&self, subject: &str) -> bool {
        self.facts.keys().any(|name| name.split('.').next() == Some(subject))
    }

    /// Fails unless a fact is what it should be.
    #[track_caller]
    pub(crate) fn says<T: FromStr<Err: Debug> + PartialEq + Debug>(&self, name: &str, expected: T) {
        assert_eq!(self.fact::<T>(name), expected, "`{name}` of {self}");
    }

    /// Fails unless two facts are the same number.
    #[track_caller]
    pub(crate) fn agrees(&self, one: &str, other: &str) {
        assert_eq!(self.fact::<u64>(one), self.fact::<u64>(other), "`{one}` and `{other}` of {self}");
    }

    /// The signal that killed the program.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }
}

impl Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ended with {}:\n{}", self.command, self.status, self.output)
    }
}

/// Starts a program. A file that was written a moment ago may still be open for writing in a child that another test
/// is about to start.
fn start(command: &mut Command) -> Child {
    for _ in 0..100 {
        match command.spawn() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                thread::sleep(Duration::from_millis(10))
            }
            started => return started.unwrap_or_else(|error| panic!("{command:?}: {error}")),
        }
    }
    panic!("{command:?} stays busy");
}

fn read(from: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    let mut from = from.expect("a pipe");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Lines `subject name=value …`.
fn parse(output: &str) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for line in output.lines() {
        let mut words = line.split(' ');
        let Some(subject) = words.next() else { continue };
        facts.extend(words.filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            Some((format!("{subject}.{name}"), value.to_string()))
        }));
    }
    facts
}
