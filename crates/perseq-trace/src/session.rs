//! Sessions: what is recorded, into which rings, and where to.
//!
//! There is one at a time in a process. Its rings are shared memory, so children of the process record into the same ones.
//!
//! Invariant: the id of a site that is on is the index of its type in the session; types are only ever added, and written to the folder
//! before events of them are.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use perseq_ctf::{Directory, Level, TraceType, Version};
use wildmatch::WildMatch;

use crate::clock::Source;
use crate::consumer::{Consumer, Summary};
use crate::emit::{self, Mode, SLOW_CLOCK};
use crate::ring::{MAX, Rings};
use crate::site::{Site, sites};

/// Bytes of a sub-buffer, at least: an event of the largest size fits.
const LEAST: usize = 128 << 10;

/// The session of this process.
static CURRENT: Mutex<Option<Arc<Recording>>> = Mutex::new(None);

fn current() -> MutexGuard<'static, Option<Arc<Recording>>> {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A site was registered: if something is recorded, it may be of it. Not in a child, whose types are a copy that nobody reads.
pub(crate) fn found(site: &'static Site) {
    if let Some(recording) = &*current()
        && recording.process == std::process::id()
    {
        // What cannot be written is told when the session ends.
        let _ = recording.consider([site]);
    }
}

/// What is recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    globs: Vec<WildMatch>,
    level: Level,
    pub(crate) clock: Source,
    pub(crate) directory: Directory,
    pub(crate) types: Mutex<TraceType>,
    pub(crate) rings: &'static Rings,
    pub(crate) shape: Shape,
    /// What became of the events so far.
    pub(crate) so_far: Mutex<Summary>,
    /// That which writes the types.
    process: u32,
}

/// How large rings are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes of a ring, a power of two.
    pub(crate) size: u64,
    /// Bytes of a sub-buffer.
    pub(crate) sub: u64,
}

impl Recording {
    /// The types of the session.
    pub(crate) fn types(&self) -> MutexGuard<'_, TraceType> {
        self.types.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Turns on those sites that are wanted, after their types were written.
    fn consider(&self, sites: impl IntoIterator<Item = &'static Site>) -> Result<(), perseq_ctf::Error> {
        let wanted = |site: &&'static Site| {
            let name = site.full_name();
            site.level() <= self.level && self.globs.iter().any(|glob| glob.matches(&name))
        };
        let mut types = self.types();
        let mut new = Vec::new();
        for site in sites.into_iter().filter(wanted).filter(|site| site.enabled().is_none()) {
            let event = site.event_type();
            // Several places may record the same.
            let same = |known: &perseq_ctf::EventType| {
                (&known.provider, &known.name, known.level, &known.fields)
                    == (&event.provider, &event.name, event.level, &event.fields)
            };
            let id = types.events.iter().position(same).unwrap_or_else(|| {
                types.events.push(event);
                types.events.len() - 1
            });
            new.push((site, u32::try_from(id).unwrap_or(SLOW_CLOCK - 2)));
        }
        self.directory.update(&types)?;
        let how = if self.clock.counter { 0 } else { SLOW_CLOCK };
        new.into_iter().for_each(|(site, id)| site.set(Some(id | how)));
        Ok(())
    }
}

/// Why there is no session.
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// This process has a session already.
    Active,
    /// There can be no rings.
    Rings(perseq::shared::SharedError),
    /// A CPU's ring cannot be made ready.
    Ring(perseq::ExclusiveError),
    /// The folder cannot be written.
    Output(perseq_ctf::Error),
    /// There can be no thread that reads the rings.
    Thread(io::Error),
}

impl std::fmt::Display for SessionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Active => f.write_str("this process has a session already: stop that first"),
            Self::Rings(error) => write!(f, "there can be no rings: {error}"),
            Self::Ring(error) => write!(f, "a CPU's ring cannot be made ready: {error}"),
            Self::Output(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "no thread that reads the rings: {error}"),
        }
    }
}

impl std::error::Error for SessionError {}

/// What a session is to record, and how. See [`Session::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is recorded before `start`"]
pub struct Builder {
    folder: PathBuf,
    globs: Vec<String>,
    level: Level,
    mode: Mode,
    size: usize,
    sub_buffers: usize,
    version: Version,
}

impl Builder {
    /// Also events whose name, `provider:name`, matches: `*` stands for any characters, `?` for one. If this is not called, all are.
    pub fn enable(mut self, glob: impl Into<String>) -> Self {
        self.globs.push(glob.into());
        self
    }

    /// Only events that are as grave as this, or graver. All, if this is not called.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// What is done where there is no room. Events are discarded, if this is not called.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Bytes of each CPU's ring, and in how many sub-buffers: 4 MiB in 4, if this is not called. Rounded up to powers of two; from 2 times 128 KiB to
    /// 16 MiB (256 KiB on machines of 32 bits).
    pub fn buffer(mut self, bytes: usize, sub_buffers: usize) -> Self {
        (self.size, self.sub_buffers) = (bytes, sub_buffers);
        self
    }

    /// Which version of the format is written: 1.8, if this is not called.
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    fn shape(&self) -> Shape {
        let size = self.size.clamp(2 * LEAST, MAX).next_power_of_two();
        let sub_buffers = self.sub_buffers.clamp(2, size / LEAST).next_power_of_two().min(size / LEAST);
        Shape { size: size as u64, sub: (size / sub_buffers) as u64 }
    }

    /// Starts recording.
    ///
    /// # Errors
    /// [`SessionError`]; then nothing is recorded.
    pub fn start(self) -> Result<Session, SessionError> {
        let mut session = current();
        if session.is_some() {
            return Err(SessionError::Active);
        }
        let rings = match emit::rings() {
            Some(rings) => rings,
            // For this process and its children; others are of later.
            None => Box::leak(Box::new(Rings::memfd(127).map_err(SessionError::Rings)?)),
        };
        let clock = Source::choose();
        let mut types = TraceType::new(unique(), clock.describe());
        types.environment = environment();
        let directory =
            Directory::create(&self.folder, &types, self.version).map_err(SessionError::Output)?;
        let globs = if self.globs.is_empty() { vec!["*".to_owned()] } else { self.globs.clone() };
        let recording = Arc::new(Recording {
            globs: globs.iter().map(|glob| WildMatch::new(glob)).collect(),
            level: self.level,
            clock,
            directory,
            types: Mutex::new(types),
            rings,
            shape: self.shape(),
            so_far: Mutex::default(),
            process: std::process::id(),
        });
        let consumer = Consumer::start(Arc::clone(&recording), self.mode)?;
        emit::set_mode(self.mode);
        emit::set_rings(rings);
        recording.consider(sites()).map_err(SessionError::Output)?;
        *session = Some(Arc::clone(&recording));
        Ok(Session { recording, consumer: Some(consumer), process: std::process::id() })
    }
}

/// A number that no other trace has.
fn unique() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let half = |which: u64| RandomState::new().hash_one((which, std::process::id(), crate::sys::realtime()));
    let mut unique = [0; 16];
    unique[..8].copy_from_slice(&half(0).to_ne_bytes());
    unique[8..].copy_from_slice(&half(1).to_ne_bytes());
    unique
}

fn environment() -> Vec<(perseq_ctf::Text, perseq_ctf::Setting)> {
    let mut environment =
        vec![("domain".into(), "ust".to_owned().into()), ("tracer_name".into(), "perseq".to_owned().into())];
    if let Some(name) = std::env::args_os().next() {
        environment.push(("procname".into(), name.to_string_lossy().into_owned().into()));
    }
    environment
}

/// Something is recorded, until this is stopped or dropped.
///
/// ```
/// use perseq_trace::{Session, event};
///
/// # let folder = std::env::temp_dir().join(format!("perseq-trace-session-{}", std::process::id()));
/// let session = Session::builder(&folder).enable("net:*").start()?;
/// event!(net::received, bytes: u32 = 1500, from: &str = "here");
/// let summary = session.stop()?;
/// assert_eq!((summary.events, summary.lost), (1, 0));
/// // babeltrace2 FOLDER
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    recording: Arc<Recording>,
    consumer: Option<Consumer>,
    /// That which has the thread.
    process: u32,
}

impl Session {
    /// A session that will be written to a folder, which must not hold a trace yet.
    pub fn builder(folder: impl Into<PathBuf>) -> Builder {
        Builder {
            folder: folder.into(),
            globs: Vec::new(),
            level: Level::Debug,
            mode: Mode::Discard,
            size: 4 << 20,
            sub_buffers: 4,
            version: Version::V1_8,
        }
    }

    /// Where it is written to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.recording.directory.path()
    }

    /// What became of the events so far, of those that were taken from the rings: within some fifty milliseconds all are.
    #[must_use]
    pub fn summary(&self) -> Summary {
        *self.recording.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops recording, and writes what is in the rings. What threads record at this moment may be lost.
    ///
    /// # Errors
    /// The first error of writing. What was written before can be read, and the events since are counted as lost.
    pub fn stop(mut self) -> Result<Summary, perseq_ctf::WriteError> {
        self.end()
    }

    fn end(&mut self) -> Result<Summary, perseq_ctf::WriteError> {
        let Some(consumer) = self.consumer.take() else { return Ok(Summary::default()) };
        if self.process != std::process::id() {
            // The thread is the parent's, and so is the trace.
            consumer.forget();
            return Ok(Summary::default());
        }
        sites().for_each(|site| site.set(None));
        *current() = None;
        consumer.stop()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Who wants to know of errors calls `stop`.
        let _ = self.end();
    }
}
