//! [`status()`]: what this process does with restartable sequences, and why.

use core::fmt;

use perseq_abi::Feature;

use super::Reason;

/// Who registered the rseq area of the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owner {
    /// The C library, for every thread.
    Libc,
    /// This crate, for each thread that needs it.
    Perseq,
    /// Nobody, or somebody we do not know: sequences take their slow path.
    Nobody,
}

/// A snapshot of what [`status()`] found. `Display` gives the report for people.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Who owns the calling thread's area.
    pub owner: Owner,
    /// Why restartable sequences are not used by the calling thread; `None` if they are.
    pub reason: Option<Reason>,
    /// Bytes that the area is registered with; 0 if it is not.
    pub registered_len: u32,
    /// Bytes of `struct rseq` that the kernel maintains (`AT_RSEQ_FEATURE_SIZE`); 0 if rseq is off.
    pub feature_size: u32,
    /// `node_id` is maintained.
    pub node_id: bool,
    /// `mm_cid` is maintained.
    pub mm_cid: bool,
    /// The calling thread can ask for [time slice extensions](mod@crate::slice): the kernel maintains `slice_ctrl`, and has
    /// enabled it.
    pub slice: bool,
    /// membarrier(2) can abort sections of this process.
    pub membarrier: bool,
    /// CPUs that the system may ever have: the number of slots.
    pub possible_cpus: u32,
    kernel: Text,
    machine: Text,
    libc: Text,
}

impl Status {
    /// Whether the calling thread runs restartable sequences.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.reason.is_none()
    }

    /// `legacy`, or `v2` where the registration is longer than 32 bytes: kernels that know the v2 mode then write ids only
    /// when they change, and forbid writing read-only fields.
    #[must_use]
    pub fn registration_mode(&self) -> &'static str {
        match self.registered_len {
            0 => "none",
            1..=32 => "legacy",
            _ => "v2",
        }
    }

    /// The kernel's release (`uname -r`); empty where it is not Linux.
    #[must_use]
    pub fn kernel(&self) -> &str {
        self.kernel.as_str()
    }

    /// The machine (`uname -m`), or the architecture this was built for.
    #[must_use]
    pub fn machine(&self) -> &str {
        self.machine.as_str()
    }

    /// The C library, with its version if it tells.
    #[must_use]
    pub fn libc(&self) -> &str {
        self.libc.as_str()
    }
}

/// Finds out what the calling thread and the process do with restartable sequences, registering the thread if that is
/// still to be done. May be called in a signal handler, though it is not fast.
///
/// ```
/// let status = perseq::status();
/// match status.reason {
///     None => println!("restartable sequences are in use:\n{status}"),
///     Some(reason) => println!("every sequence takes its slow path: {reason}"),
/// }
/// ```
#[must_use]
pub fn status() -> Status {
    let (owner, reason) = match super::os::owner() {
        Ok(owner) => (owner, None),
        Err(reason) => (Owner::Nobody, Some(reason)),
    };
    let active = reason.is_none();
    let (registered_len, feature_size) = super::os::sizes();
    let has = |feature| active && super::has(feature);
    let (kernel, machine, libc) = names();
    Status {
        owner,
        reason,
        registered_len: if active { registered_len } else { 0 },
        feature_size,
        node_id: has(Feature::NodeId),
        mm_cid: has(Feature::MmCid),
        slice: super::slice_ctrl().is_some(),
        membarrier: !super::is_off(),
        possible_cpus: crate::cpu::possible(),
        kernel,
        machine,
        libc,
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |yes: bool| if yes { "yes" } else { "no" };
        writeln!(f, "restartable sequences  {}", if self.is_active() { "in use" } else { "not in use" })?;
        if let Some(reason) = self.reason {
            writeln!(f, "reason                 {reason}")?;
        }
        writeln!(f, "kernel                 {} {}", self.kernel(), self.machine())?;
        writeln!(f, "libc                   {}", self.libc())?;
        let owner = match self.owner {
            Owner::Libc => "libc",
            Owner::Perseq => "perseq",
            Owner::Nobody => "nobody",
        };
        writeln!(f, "rseq area              registered by {owner}")?;
        if self.is_active() {
            writeln!(
                f,
                "registered length      {} bytes ({} mode)",
                self.registered_len,
                self.registration_mode()
            )?;
        }
        writeln!(f, "kernel feature size    {} bytes", self.feature_size)?;
        writeln!(f, "node_id                {}", yes(self.node_id))?;
        writeln!(f, "mm_cid                 {}", yes(self.mm_cid))?;
        writeln!(f, "slice extension        {}", yes(self.slice))?;
        writeln!(f, "membarrier rseq        {}", yes(self.membarrier))?;
        write!(f, "possible CPUs          {}", self.possible_cpus)
    }
}

/// A short string without an allocator.
#[derive(Clone, Copy, Debug)]
struct Text {
    bytes: [u8; 64],
    len: usize,
}

impl Text {
    fn new(parts: &[&str]) -> Self {
        let mut text = Self { bytes: [0; 64], len: 0 };
        for byte in parts.iter().flat_map(|part| part.bytes()).filter(|byte| (b' '..=b'~').contains(byte)) {
            if let Some(place) = text.bytes.get_mut(text.len) {
                *place = byte;
                text.len += 1;
            }
        }
        text
    }

    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| core::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// Kernel release, machine, and C library.
fn names() -> (Text, Text, Text) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        let uname = rustix::system::uname();
        let version = super::os::libc_version().and_then(|version| version.to_str().ok()).unwrap_or_default();
        let libc = match (cfg!(target_env = "musl"), cfg!(target_feature = "crt-static")) {
            (true, true) => Text::new(&["musl, static"]),
            (true, false) => Text::new(&["musl"]),
            (false, true) => Text::new(&["glibc, static"]),
            (false, false) => Text::new(&["glibc ", version]),
        };
        (
            Text::new(&[uname.release().to_str().unwrap_or_default()]),
            Text::new(&[uname.machine().to_str().unwrap_or_default()]),
            libc,
        )
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    (Text::new(&[""]), Text::new(&[]), Text::new(&["of the system"]))
}
