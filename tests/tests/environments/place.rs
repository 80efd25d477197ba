//! The places that a program may find itself in: how it is linked, and what it finds there.

use std::path::PathBuf;
use std::process::Command;

use perseq_tests::skip::skip;

use crate::fixtures::Fixture;
use crate::run::Run;

/// A way to link a program and what it finds when it starts.
pub(crate) struct Place {
    /// For messages.
    pub(crate) name: &'static str,
    /// The program, linked that way.
    pub(crate) linked: fn() -> Fixture,
    variable: Option<(&'static str, &'static str)>,
    /// A system call that answers with an error, as `deny` is told.
    denied: Option<&'static str>,
    /// Who owns the threads' areas there, or why nobody does, where the kernel has rseq and lets this test use it.
    expected: Expected,
}

/// What `status` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Libc,
    Perseq,
    /// The reason that is told.
    Nobody(&'static str),
}

const MUSL: &str = "x86_64-unknown-linux-musl";
/// What turns glibc's registration off.
pub(crate) const UNREGISTERED: (&str, &str) = ("GLIBC_TUNABLES", "glibc.pthread.rseq=0");

fn dynamically() -> Fixture {
    Fixture::program("environment", "environment")
}

pub(crate) fn statically() -> Fixture {
    dynamically().target("x86_64-unknown-linux-gnu").rustflag("-Ctarget-feature=+crt-static")
}

pub(crate) fn with_musl() -> Fixture {
    dynamically().target(MUSL)
}

const DYNAMIC: Place =
    Place { name: "dynamic", linked: dynamically, variable: None, denied: None, expected: Expected::Libc };

/// Every place there is.
pub(crate) const PLACES: [Place; 9] = [
    DYNAMIC,
    Place { name: "static", linked: statically, ..DYNAMIC },
    Place { name: "musl", linked: with_musl, expected: Expected::Perseq, ..DYNAMIC },
    Place { name: "tunable", variable: Some(UNREGISTERED), expected: Expected::Perseq, ..DYNAMIC },
    Place {
        name: "static tunable",
        linked: statically,
        variable: Some(UNREGISTERED),
        expected: Expected::Perseq,
        ..DYNAMIC
    },
    Place {
        name: "off",
        variable: Some(("PERSEQ", "off")),
        expected: Expected::Nobody("Environment"),
        ..DYNAMIC
    },
    Place {
        name: "rseq forbidden",
        denied: Some("rseq=EPERM"),
        expected: Expected::Nobody("Forbidden"),
        ..DYNAMIC
    },
    Place {
        name: "rseq unknown",
        denied: Some("rseq=ENOSYS"),
        expected: Expected::Nobody("NoSyscall"),
        ..DYNAMIC
    },
    Place {
        name: "membarrier forbidden",
        denied: Some("membarrier=EPERM"),
        expected: Expected::Nobody("NoMembarrier"),
        ..DYNAMIC
    },
];

/// The place of that name.
pub(crate) fn place(name: &str) -> &'static Place {
    PLACES.iter().find(|place| place.name == name).unwrap_or_else(|| panic!("there is no place `{name}`"))
}

impl Place {
    /// A command that runs `program` in this place.
    fn command(&self, program: PathBuf) -> Command {
        let mut command = match self.denied {
            None => Command::new(program),
            Some(rule) => {
                let mut command = Command::new(Fixture::program("deny", "deny").build());
                command.args([rule, "--"]).arg(program);
                command
            }
        };
        command.envs(self.variable);
        command
    }

    /// Runs a scenario here and sees to it that its sums are exact; `None` if such a program cannot be linked on
    /// this machine, which is said then.
    #[track_caller]
    pub(crate) fn run(&self, scenario: &str, variables: &[(&str, &str)]) -> Option<Run> {
        if let Err((what, why)) = self.can_be_linked() {
            skip(what, why);
            return None;
        }
        let mut command = self.command((self.linked)().build());
        let run = Run::well(command.arg(scenario).envs(variables.iter().copied()));
        run.agrees("sums.counter", "sums.counted");
        run.agrees("sums.slots", "sums.bumped");
        Some(run)
    }

    fn can_be_linked(&self) -> Result<(), (&'static str, &'static str)> {
        let said = |program: &str, args: &[&str]| {
            let output = Command::new(program).args(args).output();
            output
                .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string())
                .unwrap_or_default()
        };
        if self.name.starts_with("static") && !said("cc", &["-print-file-name=libc.a"]).starts_with('/') {
            return Err(("static", "there is no libc.a (package libc6-dev)"));
        }
        let folder = || PathBuf::from(said("rustc", &["--print", "target-libdir", "--target", MUSL]));
        if self.name == "musl" && !folder().is_dir() {
            return Err((
                "musl",
                "the target is not installed (rustup target add x86_64-unknown-linux-musl)",
            ));
        }
        Ok(())
    }

    /// What `status` should say here; `None` if that cannot be told on this machine, which is said then.
    pub(crate) fn expected(&self) -> Option<Expected> {
        if let Err(error) = perseq_abi::sys::available() {
            skip("rseq", error);
            return None;
        }
        if !perseq_abi::membarrier::claimed() {
            skip("rseq", "the kernel has no membarrier for it");
            return None;
        }
        Some(match self.expected {
            Expected::Libc if !glibc_registers() => Expected::Perseq,
            expected => expected,
        })
    }
}

/// Whether this machine's glibc registers areas unless it is told not to.
pub(crate) fn glibc_registers() -> bool {
    // SAFETY: the name is a C string.
    !unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()) }.is_null()
}
