//! LTTng-UST, through a library of ours that `ci/peers.sh` makes of `benches/peers/lttng.c`. The session, and the daemon if there is none, is run
//! by `lttng.sh` beside it, from when a row is first set up until all has been measured, or this process is gone.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, OnceLock, PoisonError};

use libloading::Library;

use super::peer::{Event, Peer, unpinned, wait_until};
use super::tape;
use crate::bench::group::Op;
use crate::bench::lanes::forever;
use crate::bench::peers;

/// The size and the number of the large sub-buffers of each CPU.
const SUB_BUFFERS: [&str; 2] = ["4194304", "4"];

/// The names of the rows, and what their events have behind their names.
const CHANNELS: [[&str; 2]; 2] = [["lttng-ust", ""], ["lttng-ust_default", "_default"]];

/// A channel of the session.
pub struct Lttng {
    name: &'static str,
    suffix: &'static str,
    /// The events of batches at whose end the event was enabled.
    recorded: AtomicU64,
    shared: &'static Shared,
}

/// What the channels share.
struct Shared {
    cpus: Box<[u32]>,
    loaded: OnceLock<Result<Loaded, String>>,
}

/// The library, and the session it records in.
struct Loaded {
    library: Library,
    session: Mutex<Session>,
}

/// The process that runs the session.
struct Session {
    script: Child,
    says: BufReader<ChildStdout>,
    /// What it said in the end.
    discarded: Option<String>,
}

impl Session {
    /// Begins it. The process limits all of its waiting, so it says something or ends.
    fn start() -> Result<Self, String> {
        let script = peers::find("lttng.sh")?;
        let mut command = Command::new("sh");
        command.arg(script).arg(tape::directory()).args(SUB_BUFFERS);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut script = command.spawn().map_err(|error| error.to_string())?;
        let says = script.stdout.take().ok_or("it has no output")?;
        let mut session = Self { script, says: BufReader::new(says), discarded: None };
        let mut line = String::new();
        session.says.read_line(&mut line).map_err(|error| error.to_string())?;
        match line.trim() {
            "ready" => Ok(session),
            "" => Err("no session of LTTng".to_owned()),
            reason => Err(reason.to_owned()),
        }
    }

    /// Ends it, and says what each channel has discarded.
    fn end(&mut self) -> String {
        let Self { script, says, discarded } = self;
        let end = || {
            // Which closes it: the process ends.
            drop(script.stdin.take());
            let mut lines = String::new();
            let read = says.read_to_string(&mut lines);
            let ended = script.wait();
            match (read, ended) {
                (Ok(_), Ok(_)) if !lines.is_empty() => lines.lines().collect::<Vec<_>>().join(", "),
                _ => "unknown".to_owned(),
            }
        };
        discarded.get_or_insert_with(end).clone()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Loads the library, in which LTTng registers the process with the daemon: so the daemon is there before.
    fn load(&self) -> Result<Loaded, String> {
        let path = peers::find("lttng.so")?;
        let session = Session::start()?;
        // SAFETY: what runs at once is what LTTng does as it begins: threads of its own, and registering.
        let library = unsafe { Library::new(path) }.map_err(peers::wrong)?;
        Ok(Loaded { library, session: Mutex::new(session) })
    }

    fn loaded(&self) -> Result<&Loaded, String> {
        self.loaded.get_or_init(|| unpinned(&self.cpus, || self.load())).as_ref().map_err(Clone::clone)
    }
}

impl Lttng {
    /// The channel with large buffers, and that with those of LTTng's choice.
    pub fn channels(cpus: &[u32]) -> [&'static Self; 2] {
        let shared: &Shared = forever(Shared { cpus: cpus.into(), loaded: OnceLock::new() });
        CHANNELS.map(|[name, suffix]| {
            forever(Self { name, suffix, recorded: AtomicU64::new(0), shared }) as &Self
        })
    }
}

impl Peer for Lttng {
    fn name(&self) -> &'static str {
        self.name
    }

    fn events(&'static self, event: Event) -> Result<Op, String> {
        let library = &self.shared.loaded()?.library;
        let name = match event {
            Event::Disabled => event.name().to_owned(),
            _ => event.name().to_owned() + self.suffix,
        };
        // SAFETY: the function has this type in `lttng.c`, and the library stays, as all of this does.
        let has = unsafe { library.get::<extern "C" fn() -> i32>(format!("peer_has_{name}")) };
        let has = has.map_err(peers::wrong)?;
        // SAFETY: as above.
        let events = unsafe { library.get::<extern "C" fn(u64)>(format!("peer_{name}")) };
        let events = events.map_err(peers::wrong)?;
        if event != Event::Disabled && !wait_until(|| has() != 0) {
            return Err("LTTng does not enable the event".to_owned());
        }
        Ok(Box::new(move |n| {
            events(n);
            // Whoever ends the session or the daemon meanwhile is found out: nothing would be recorded, and that very fast.
            if has() != 0 {
                self.recorded.fetch_add(n, Relaxed);
            }
        }))
    }

    fn done(&'static self) -> Option<u64> {
        Some(self.recorded.load(Relaxed))
    }

    fn remark(&'static self) -> Option<String> {
        let loaded = self.shared.loaded.get()?.as_ref().ok()?;
        let discarded = loaded.session.lock().unwrap_or_else(PoisonError::into_inner).end();
        Some(format!("LTTng has discarded of events: {discarded}."))
    }
}
