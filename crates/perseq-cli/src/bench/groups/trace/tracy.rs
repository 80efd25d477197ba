//! Tracy's client, in a library of ours that `ci/peers.sh` makes of `benches/peers/tracy`, with the viewer that takes what it sends.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use libloading::{Library, Symbol};

use super::peer::{Event, Peer, unpinned, wait_until};
use crate::bench::group::Op;
use crate::bench::lanes::forever;
use crate::bench::peers;

/// As long as the client has something to send, more than these bytes come in such a time: otherwise it only says that it is there.
const SILENCE: (u64, Duration) = (256, Duration::from_millis(20));

/// The client, which there can be but one of in a process.
pub struct Tracy {
    cpus: Box<[u32]>,
    loaded: OnceLock<Result<Loaded, String>>,
}

/// What the library has.
struct Loaded {
    number: Symbol<'static, extern "C" fn(u64)>,
    text: Symbol<'static, extern "C" fn(u64)>,
    taken: Symbol<'static, extern "C" fn() -> u64>,
}

impl Loaded {
    /// Loads the library and starts the client and its viewer.
    fn new() -> Result<Self, String> {
        let path = peers::find("tracy.so")?;
        if !has_its_clock() {
            return Err("Tracy needs a counter that runs evenly".to_owned());
        }
        // SAFETY: what runs at once is what Tracy's client sets up for itself.
        let library: &Library = forever(unsafe { Library::new(path) }.map_err(peers::wrong)?);
        // SAFETY: this one and those below have these types in `benches/peers/tracy`.
        let start = unsafe { library.get::<extern "C" fn() -> i32>("peer_start") }.map_err(peers::wrong)?;
        // SAFETY: as above.
        let number = unsafe { library.get("peer_u32") }.map_err(peers::wrong)?;
        // SAFETY: as above.
        let text = unsafe { library.get("peer_string16") }.map_err(peers::wrong)?;
        // SAFETY: as above.
        let taken = unsafe { library.get("peer_taken") }.map_err(peers::wrong)?;
        if start() == 0 {
            return Err("Tracy's client does not answer".to_owned());
        }
        Ok(Self { number, text, taken })
    }

    /// Waits until the client has nothing more to send.
    fn drain(&self) {
        let (bytes, time) = SILENCE;
        wait_until(|| {
            let before = (self.taken)();
            thread::sleep(time);
            (self.taken)() - before < bytes
        });
    }
}

/// Whether the processor's counter runs evenly: where it says that it does not, the client ends the process as soon as it is loaded.
#[cfg(target_arch = "x86_64")]
fn has_its_clock() -> bool {
    use std::arch::x86_64::__cpuid;
    const POWER: u32 = 0x8000_0007;
    __cpuid(0x8000_0000).eax >= POWER && __cpuid(POWER).edx & 1 << 8 != 0
}

/// The same: it is the architecture's own, or the client does not ask.
#[cfg(not(target_arch = "x86_64"))]
fn has_its_clock() -> bool {
    true
}

impl Tracy {
    /// The one there is.
    pub fn new(cpus: &[u32]) -> &'static Self {
        static TRACY: OnceLock<Tracy> = OnceLock::new();
        TRACY.get_or_init(|| Self { cpus: cpus.into(), loaded: OnceLock::new() })
    }
}

impl Peer for Tracy {
    fn name(&self) -> &'static str {
        "tracy"
    }

    /// Its events have one number or one string, and none can be turned off.
    fn has(&self, event: Event) -> bool {
        matches!(event, Event::U32 | Event::String16)
    }

    fn events(&'static self, event: Event) -> Result<Op, String> {
        let loaded = self.loaded.get_or_init(|| unpinned(&self.cpus, Loaded::new));
        let Loaded { number, text, .. } = loaded.as_ref().map_err(Clone::clone)?;
        let events = if event == Event::String16 { text } else { number };
        Ok(Box::new(|n| events(n)))
    }

    fn flush(&'static self) {
        if let Some(Ok(loaded)) = self.loaded.get() {
            loaded.drain();
        }
    }
}
