//! The first process of a guest: runs one program, says how it ended, and switches the guest off.
//!
//! `ci/guest/run` gives it, on the kernel's command line, the terminal for the output of the program and a nonce, and puts
//! into the initramfs, each ended by NUL, the arguments (`/guest/args`, the program first) and the environment
//! (`/guest/env`).
//!
//! Invariant: the terminal carries what the program writes, byte for byte, and nothing else. The result is a line of the
//! kernel's log, `perseq-guest NONCE exit CODE`; the code is that of a shell, 128 + n after signal n. Without such a line
//! the program has no result, whatever else happened.

use std::ffi::{CStr, OsStr};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Error, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, ExitStatus, Stdio};

fn main() {
    let mut args = std::env::args().skip(1);
    let (terminal, nonce) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let line = match run(&terminal, &nonce) {
        Ok(code) => format!("exit {code}"),
        Err(why) => format!("failed: {why}"),
    };
    // The console of the kernel, which is our standard error, is what is left to tell it to.
    if let Err(why) = log(&nonce, &line) {
        eprintln!("perseq-guest: {line}; the kernel's log: {why}");
    }
    power_off();
}

/// Runs the program of the initramfs to its end: its exit code as a shell gives it.
fn run(terminal: &str, nonce: &str) -> Result<i32, String> {
    for (kind, place) in
        [(c"devtmpfs", c"/dev"), (c"proc", c"/proc"), (c"sysfs", c"/sys"), (c"tmpfs", c"/dev/shm")]
    {
        mount(kind, place).map_err(|why| format!("mount {}: {why}", place.to_string_lossy()))?;
    }
    seed_random();
    let output = open_raw(terminal).map_err(|why| format!("/dev/{terminal}: {why}"))?;
    let args = read_list("/guest/args")?;
    let (program, args) = args.split_first().ok_or("no program")?;
    let environment = read_list("/guest/env")?;
    let variables = environment.iter().filter_map(|variable| {
        let mut halves = variable.splitn(2, |byte| *byte == b'=');
        Some((OsStr::from_bytes(halves.next()?), OsStr::from_bytes(halves.next()?)))
    });
    let duplicate = || output.try_clone().map_err(|why| format!("/dev/{terminal}: {why}"));

    let child = Command::new(OsStr::from_bytes(program))
        .args(args.iter().map(|arg| OsStr::from_bytes(arg)))
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(duplicate()?)
        .stderr(duplicate()?)
        .spawn()
        .map_err(|why| format!("{}: {why}", String::from_utf8_lossy(program)))?;
    log(nonce, "start").map_err(|why| format!("/dev/kmsg: {why}"))?;
    let code = wait_for(child.id()).map_err(|why| format!("wait: {why}"))?;

    // SAFETY: tcdrain takes a descriptor, which `output` keeps open, and no memory.
    if unsafe { libc::tcdrain(output.as_raw_fd()) } != 0 {
        return Err(format!("/dev/{terminal}: {}", Error::last_os_error()));
    }
    Ok(code)
}

/// Mounts a file system without a device, unless it is there already.
fn mount(kind: &CStr, place: &CStr) -> io::Result<()> {
    fs::create_dir_all(OsStr::from_bytes(place.to_bytes()))?;
    // SAFETY: the three strings end with NUL and outlive the call; these file systems take no data, for which null stands.
    let result = unsafe { libc::mount(kind.as_ptr(), place.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) };
    match Error::last_os_error() {
        why if result != 0 && why.raw_os_error() != Some(libc::EBUSY) => Err(why),
        _ => Ok(()),
    }
}

/// Lets the kernel gather randomness, which it does for who asks in this way, and not for who waits for `/dev/random`: nothing
/// else happens here that it could draw from.
fn seed_random() {
    let mut byte = 0u8;
    // SAFETY: room for the byte that is asked for. If there is none to be had, programs see to it themselves.
    unsafe { libc::getrandom((&raw mut byte).cast(), 1, 0) };
}

/// Opens a terminal that changes nothing of what is written to it.
fn open_raw(name: &str) -> io::Result<File> {
    let terminal = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY)
        .open(format!("/dev/{name}"))?;
    // SAFETY: termios consists of integers, for which zero is a value.
    let mut settings: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, and `settings` is a termios that nothing else refers to.
    if unsafe { libc::tcgetattr(terminal.as_raw_fd(), &mut settings) } != 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: cfmakeraw only changes the termios it is given.
    unsafe { libc::cfmakeraw(&mut settings) };
    // SAFETY: the descriptor is open, and `settings` is an initialised termios, which is only read.
    if unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSANOW, &settings) } != 0 {
        return Err(Error::last_os_error());
    }
    Ok(terminal)
}

fn read_list(path: &str) -> Result<Vec<Vec<u8>>, String> {
    let bytes = fs::read(path).map_err(|why| format!("{path}: {why}"))?;
    let ended = bytes.strip_suffix(b"\0");
    Ok(ended.map_or_else(Vec::new, |list| list.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()))
}

/// Waits for one process, and for the orphans that end before it: they are children of the first process.
fn wait_for(program: u32) -> io::Result<i32> {
    use std::os::unix::process::ExitStatusExt;
    loop {
        let mut status = 0;
        // SAFETY: `status` is an integer that nothing else refers to, and outlives the call.
        let ended = unsafe { libc::wait(&mut status) };
        if ended < 0 {
            return Err(Error::last_os_error());
        }
        if ended.cast_unsigned() == program {
            let status = ExitStatus::from_raw(status);
            return Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)));
        }
    }
}

/// One line into the kernel's log, at the level that every console shows. The log keeps lines apart, as a console does not.
fn log(nonce: &str, line: &str) -> io::Result<()> {
    let mut log = OpenOptions::new().write(true).open("/dev/kmsg")?;
    log.write_all(format!("<0>perseq-guest {nonce} {line}\n").as_bytes())
}

fn power_off() {
    // SAFETY: the call takes no memory, and ends this guest, which is what it is for.
    unsafe { libc::reboot(libc::RB_POWER_OFF) };
    // Not reached where the machine can be switched off; elsewhere the end of the first process is a panic, which ends it.
}
