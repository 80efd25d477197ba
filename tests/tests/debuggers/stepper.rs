//! A program, one instruction at a time: what debuggers do to sequences, at its worst.
//!
//! From when the program raises `SIGURG`, every thread is stopped after every instruction (`PTRACE_SINGLESTEP`). A thread that was stopped
//! inside a critical section is aborted when it goes on, so no section ever commits. On threads that are not registered sections
//! are not aborted, but leave by an exit.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use libc::{c_int, c_uint, c_void, pid_t};
use object::{Object, ObjectSection, ObjectSymbol};
use perseq_abi::RseqCs;
use perseq_tests::child::Output;

/// What has come of stepping through a program.
#[derive(Debug)]
pub(crate) struct Stepped {
    /// How it ended, if it did before it had to be ended.
    pub(crate) status: Option<ExitStatus>,
    /// What it printed.
    pub(crate) output: String,
    /// How many instructions were stepped.
    pub(crate) steps: u64,
    /// Its sections: the function each is in, and what happened there.
    pub(crate) sections: Vec<(String, Visits)>,
}

/// What happened to the attempts at a section.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visits {
    /// How often a thread stood at its first instruction.
    pub(crate) attempts: u64,
    /// How often a thread stood in it.
    pub(crate) stops: u64,
    /// How often one that stood in it was next found at its commit.
    pub(crate) commits: u64,
}

/// Runs a program step by step, for at most so many steps and so long.
///
/// # Errors
/// If it cannot be started or traced.
pub(crate) fn run(command: &mut Command, limit: u64, time: Duration) -> io::Result<Stepped> {
    let output = Output::of(command);
    // SAFETY: a single system call.
    unsafe { command.pre_exec(|| request(libc::PTRACE_TRACEME, 0, null_mut())) };
    let child = command.spawn()?;
    let mut stepper = Stepper {
        process: child.id().cast_signed(),
        until: Instant::now() + time,
        steps: None,
        places: Vec::new(),
        inside: HashMap::new(),
    };
    let result = stepper.run(limit);
    if !matches!(result, Ok(Some(_))) {
        stepper.end();
    }
    let status = result?;
    let sections = stepper.places.into_iter().map(|place| (place.name, place.visits)).collect();
    Ok(Stepped { status, output: output.read(), steps: stepper.steps.unwrap_or(0), sections })
}

struct Stepper {
    process: pid_t,
    until: Instant,
    /// How many there were, once it has begun.
    steps: Option<u64>,
    /// By address.
    places: Vec<Place>,
    /// In which of the places each thread stands.
    inside: HashMap<pid_t, usize>,
}

/// A section in the program.
struct Place {
    descriptor: RseqCs,
    /// The function that it is in.
    name: String,
    visits: Visits,
}

impl Stepper {
    fn run(&mut self, limit: u64) -> io::Result<Option<ExitStatus>> {
        let mut known = false;
        while self
            .steps
            .is_none_or(|steps| steps < limit && (steps % 1024 != 0 || Instant::now() < self.until))
        {
            let (thread, status) = wait()?;
            if !libc::WIFSTOPPED(status) {
                self.inside.remove(&thread);
                if thread == self.process {
                    return Ok(Some(ExitStatus::from_raw(status)));
                }
                continue;
            }
            if !known {
                // The program is there, and has not begun.
                let options = libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
                request(libc::PTRACE_SETOPTIONS, thread, number(options))?;
                known = true;
            }
            let signal = match libc::WSTOPSIG(status) {
                // A step is done, or a thread has begun.
                libc::SIGTRAP | libc::SIGSTOP => 0,
                libc::SIGURG if self.steps.is_none() => {
                    self.places = places(thread)?;
                    self.steps = Some(0);
                    0
                }
                signal => signal,
            };
            let how = match &mut self.steps {
                None => libc::PTRACE_CONT,
                Some(steps) => {
                    *steps += 1;
                    self.look(thread)?;
                    libc::PTRACE_SINGLESTEP
                }
            };
            match request(how, thread, number(signal)) {
                // Another thread has ended the process, which the next wait tells.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                result => result?,
            }
        }
        Ok(None)
    }

    /// A thread has stopped.
    fn look(&mut self, thread: pid_t) -> io::Result<()> {
        let at = program_counter(thread)?;
        if let Some(last) = self.inside.remove(&thread) {
            let last = &mut self.places[last];
            last.visits.commits +=
                u64::from(at == last.descriptor.start_ip + last.descriptor.post_commit_offset);
        }
        let after = self.places.partition_point(|place| place.descriptor.start_ip <= at);
        if let Some(last) = after.checked_sub(1) {
            let Place { descriptor, visits, .. } = &mut self.places[last];
            if at - descriptor.start_ip < descriptor.post_commit_offset {
                visits.stops += 1;
                visits.attempts += u64::from(at == descriptor.start_ip);
                self.inside.insert(thread, last);
            }
        }
        Ok(())
    }

    /// Ends the program.
    fn end(&self) {
        // SAFETY: no memory is involved. The process is our child, and was not waited for.
        unsafe { libc::kill(self.process, libc::SIGKILL) };
        while let Ok((thread, status)) = wait() {
            if thread == self.process && !libc::WIFSTOPPED(status) {
                break;
            }
        }
    }
}

/// The sections of the program that a process runs, which is loaded and relocated.
fn places(process: pid_t) -> io::Result<Vec<Place>> {
    let file = std::fs::read(format!("/proc/{process}/exe"))?;
    let elf = object::File::parse(&*file).map_err(io::Error::other)?;
    let memory = File::open(format!("/proc/{process}/mem"))?;
    let auxiliary = std::fs::read(format!("/proc/{process}/auxv"))?;
    let entry =
        words(&auxiliary).chunks_exact(2).find(|pair| pair[0] == libc::AT_ENTRY).map_or(0, |pair| pair[1]);
    let bias = entry.wrapping_sub(elf.entry());
    // A program written by hand may have lost the array to the linker.
    let table = elf.section_by_name("__rseq_cs").expect("critical sections");
    let mut descriptors = vec![0; table.size() as usize];
    memory.read_exact_at(&mut descriptors, table.address().wrapping_add(bias))?;
    let mut symbols: Vec<(u64, &str)> = elf
        .symbols()
        .filter(|symbol| symbol.kind() == object::SymbolKind::Text)
        .filter_map(|symbol| Some((symbol.address().wrapping_add(bias), symbol.name().ok()?)))
        .collect();
    symbols.sort_unstable();
    let place = |words: &[u64]| {
        let [_, start_ip, post_commit_offset, abort_ip] = words.try_into().expect("four words");
        let after = symbols.partition_point(|(at, _)| *at <= start_ip);
        let symbol = after.checked_sub(1).map_or("?", |last| symbols[last].1);
        Place {
            descriptor: RseqCs { version: 0, flags: 0, start_ip, post_commit_offset, abort_ip },
            name: addr2line::demangle_auto(symbol.into(), None).into_owned(),
            visits: Visits::default(),
        }
    };
    let mut places: Vec<Place> = words(&descriptors).chunks_exact(4).map(place).collect();
    places.sort_by_key(|place| place.descriptor.start_ip);
    Ok(places)
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes"))).collect()
}

fn program_counter(thread: pid_t) -> io::Result<u64> {
    // SAFETY: a struct of integers.
    let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    request(libc::PTRACE_GETREGS, thread, (&raw mut registers).cast())?;
    Ok(registers.rip)
}

/// The next of this thread's tracees that stops or ends. Children of other tests, which run in other threads, are theirs.
fn wait() -> io::Result<(pid_t, c_int)> {
    let mut status = 0;
    // SAFETY: writes the status.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) } {
        -1 => Err(io::Error::last_os_error()),
        thread => Ok((thread, status)),
    }
}

/// A number, where a request takes a pointer.
fn number(number: c_int) -> *mut c_void {
    number as usize as *mut c_void
}

fn request(request: c_uint, thread: pid_t, data: *mut c_void) -> io::Result<()> {
    // SAFETY: what `data` points to, if anything, is room for what the request writes: only `PTRACE_GETREGS` does.
    match unsafe { libc::ptrace(request, thread, null_mut::<c_void>(), data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
