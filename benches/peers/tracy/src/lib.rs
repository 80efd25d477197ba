//! Tracy's client, with a viewer that takes what it sends and looks at none of it: without a viewer the client would keep all events in memory.
//! Its loops are those of the other contestants: eight times a trip.

use std::hint::black_box;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::process;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::thread;
use std::time::{Duration, Instant};

use tracy_client::{Client, plot_name};

/// Where the client listens, or at one of the next ports: `ci/peers.sh` has it use a port that is not Tracy's own.
const PORTS: std::ops::Range<u16> = 28086..28106;

/// `ProtocolVersion` of the client that `Cargo.toml` names.
const PROTOCOL: u32 = 82;

/// The bytes of `WelcomeMessage`, and where in them the process id is.
const WELCOME: usize = 1170;
const PROCESS: usize = 48;

/// How long a client may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes the viewer has taken.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// What the viewer takes them from.
static VIEWED: OnceLock<TcpStream> = OnceLock::new();

unsafe extern "C" {
    fn atexit(run: extern "C" fn()) -> i32;
}

/// The viewer goes, before the client ends with the process: otherwise that would wait for an answer to its farewell.
extern "C" fn leave() {
    if let Some(stream) = VIEWED.get() {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Begins the handshake of Tracy with whoever listens at a port, and says whether that is the client of this process.
fn connect(port: u16) -> io::Result<Option<TcpStream>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"TracyPrf")?;
    stream.write_all(&PROTOCOL.to_ne_bytes())?;
    let mut status = [0];
    stream.read_exact(&mut status)?;
    if status != [1] {
        return Err(io::Error::other("the client is of another version"));
    }
    let mut welcome = [0; WELCOME];
    stream.read_exact(&mut welcome)?;
    let ours = welcome[PROCESS..PROCESS + 8] == u64::from(process::id()).to_ne_bytes();
    Ok(ours.then_some(stream))
}

/// Takes what comes, until the process ends.
fn take(mut stream: &TcpStream) {
    let mut bytes = vec![0; 1 << 20];
    while let Ok(taken @ 1..) = stream.read(&mut bytes) {
        TAKEN.fetch_add(taken as u64, Release);
    }
}

/// Has a viewer view the client.
fn view(stream: TcpStream) -> io::Result<()> {
    // The client is silent for as long as it has nothing to say.
    stream.set_read_timeout(None)?;
    let stream = VIEWED.get_or_init(|| stream);
    thread::Builder::new().spawn(|| take(stream))?;
    // SAFETY: the function may be called at any time. Those that were registered later are called earlier, and the client's was when it was loaded.
    match unsafe { atexit(leave) } {
        0 => Ok(()),
        _ => Err(io::ErrorKind::OutOfMemory.into()),
    }
}

/// Starts the client and the viewer, once, and says whether they have found each other.
#[unsafe(no_mangle)]
pub extern "C" fn peer_start() -> i32 {
    static STARTED: OnceLock<bool> = OnceLock::new();
    let start = || {
        Client::start();
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(stream) = PORTS.filter_map(|port| connect(port).ok().flatten()).next() {
                return view(stream).is_ok();
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    };
    i32::from(*STARTED.get_or_init(start))
}

/// How many bytes the viewer has taken.
#[unsafe(no_mangle)]
pub extern "C" fn peer_taken() -> u64 {
    TAKEN.load(Acquire)
}

/// Repeats an event `n` times, a multiple of eight.
fn repeat(n: u64, mut event: impl FnMut()) {
    for _ in 0..n / 8 {
        for _ in 0..8 {
            event();
        }
    }
}

/// A number of 32 bits as a point of a plot, which is a number of 64 bits here.
#[unsafe(no_mangle)]
pub extern "C" fn peer_u32(n: u64) {
    let Some(client) = Client::running() else { return };
    let (name, number) = (plot_name!("number"), black_box(7_u32));
    repeat(n, || client.plot(name, number.into()));
}

/// A string of 16 bytes as a message.
#[unsafe(no_mangle)]
pub extern "C" fn peer_string16(n: u64) {
    let Some(client) = Client::running() else { return };
    let text = black_box("sixteen letters.");
    repeat(n, || client.message(text, 0));
}
