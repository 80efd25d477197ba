//! Sessions: what is recorded, into which rings, and who reads them.
//!
//! A session is a [folder](crate::home) in which programs find its rings, and a thread that reads these and writes the trace. They need not be of the same
//! process, and the thread can be [replaced](crate::Active::resume) when its process was killed.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fs, io};

use perseq_ctf::{Level, TraceType, Version};
use wildmatch::WildMatch;

use crate::claim::Claim;
use crate::clock::Source;
use crate::consumer::{self, Consumer};
use crate::context::Context;
use crate::control::{self, Active};
use crate::emit::Mode;
use crate::error::{SessionError, at};
use crate::home::{self, CONSUMER, EVENTS, PLAN, RINGS, STOP};
use crate::plan::{Plan, Programs, Rule, Shape};
use crate::program::{self, Starting};
use crate::ring::{self, Rings};
use crate::stream::Summary;
use crate::sys;

/// Processes that can be in a session at a time.
const MEMBERS: u32 = 127;
/// How often the reader looks whether the session is to end, or to change.
const INTERVAL: Duration = Duration::from_millis(20);

/// What a session is to record, and how. See [`Session::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing is recorded before `start`"]
pub struct Builder {
    output: PathBuf,
    name: Option<String>,
    /// On or off, and which.
    rules: Vec<(bool, String)>,
    level: Level,
    mode: Mode,
    size: usize,
    sub_buffers: usize,
    version: Version,
    context: Vec<Context>,
    programs: Programs,
}

impl Builder {
    /// Also events whose name, `provider:name`, matches: `*` stands for any characters, `?` for one. If this is not called, all are.
    pub fn enable(mut self, glob: impl Into<String>) -> Self {
        self.rules.push((true, glob.into()));
        self
    }

    /// No events whose name matches, unless a later rule matches too.
    pub fn disable(mut self, glob: impl Into<String>) -> Self {
        if self.rules.is_empty() {
            self.rules.push((true, "*".to_owned()));
        }
        self.rules.push((false, glob.into()));
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
    /// 16 MiB (256 KiB on machines of 32 bits). They are allocated at once.
    pub fn buffer(mut self, bytes: usize, sub_buffers: usize) -> Self {
        (self.size, self.sub_buffers) = (bytes, sub_buffers);
        self
    }

    /// Which version of the format is written: 1.8, if this is not called.
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// What is recorded with every event: nothing but the time and the CPU, if this is not called.
    pub fn context(mut self, context: &[Context]) -> Self {
        self.context = Context::ALL.into_iter().filter(|field| context.contains(field)).collect();
        self
    }

    /// What the session is called by those who control it: the program's name and its process id, if this is not called.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Which programs are recorded: this process, if this is not called.
    pub fn programs(mut self, programs: Programs) -> Self {
        self.programs = programs;
        self
    }

    fn rules(&self) -> Vec<Rule> {
        let rule =
            |(on, glob): &(bool, String)| Rule { on: *on, glob: WildMatch::new(glob), level: self.level };
        let all = [(true, "*".to_owned())];
        let rules = if self.rules.is_empty() { all.as_slice() } else { self.rules.as_slice() };
        rules.iter().map(rule).collect()
    }

    /// Starts recording.
    ///
    /// # Errors
    /// [`SessionError`]; then nothing is recorded.
    pub fn start(self) -> Result<Session, SessionError> {
        let inside = self.programs == Programs::This;
        let _starting = inside.then(Starting::new).transpose()?;
        control::sweep();
        let (place, claim) = match &self.name {
            Some(name) => take(name)?,
            None => take_unused()?,
        };
        let hosted = self.host(&place, claim, inside);
        if hosted.is_err() {
            program::leave(&place);
            home::remove(&place);
        }
        home::ring();
        hosted
    }

    /// Makes the trace, and what is in the folder, the plan last: where that is, the session can be gone on with.
    fn host(&self, place: &Path, claim: Claim, inside: bool) -> Result<Session, SessionError> {
        let plan = Plan {
            output: std::path::absolute(&self.output).map_err(at(&self.output))?,
            version: self.version,
            mode: self.mode,
            shape: Shape::new(self.size, self.sub_buffers),
            clock: Source::choose(),
            context: self.context.clone(),
            programs: self.programs.clone(),
            rules: self.rules(),
        };
        home::make(&place.join(EVENTS))?;
        let path = sys::c_path(&place.join(RINGS))?;
        let rings = Rings::create(&path, MEMBERS).map_err(SessionError::Rings)?;
        ring::prepare(&rings, plan.shape, plan.mode).map_err(SessionError::Rings)?;
        let rings = Arc::new(rings);
        let mut types = TraceType::new(unique(), plan.clock.describe());
        types.environment = environment(inside);
        types.context = plan.context.iter().map(|context| context.field()).collect();
        let consumer = Consumer::new(place, plan.clone(), Arc::clone(&rings), &plan.output, types)?;
        // Programs that find it can take part at once.
        let ready =
            plan.write(place).and_then(|()| if inside { program::join(place, &rings) } else { Ok(()) });
        if let Err(error) = ready {
            consumer.discard();
            // Threads may be about to record: the rings stay.
            ring::close(&rings);
            rings.close_files();
            return Err(error);
        }
        Session::host(place, &plan, &rings, consumer, claim, inside)
    }
}

/// The folder of the session of a name.
pub(crate) fn place_of(name: &str) -> Result<PathBuf, SessionError> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match !name.is_empty() && name.len() < 200 && !name.starts_with('.') && name.bytes().all(is_part) {
        true => Ok(home::sessions()?.join(name)),
        false => Err(SessionError::Name(name.to_owned())),
    }
}

/// Takes a name. Whoever reads the rings has it; what is there without a plan is of somebody who was killed when he started a session.
fn take(name: &str) -> Result<(PathBuf, Claim), SessionError> {
    let place = place_of(name)?;
    match fs::DirBuilder::new().mode(0o700).create(&place) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(at(&place)(error)),
        _ => home::make(&place.join(CONSUMER))?,
    };
    let exists = || place.join(PLAN).exists();
    let taken = if exists() { Err(SessionError::Exists(name.to_owned())) } else { Claim::take(&place) };
    let claim = match taken {
        Ok(claim) if !exists() => claim,
        Ok(_) | Err(SessionError::Consumed(_)) => return Err(SessionError::Exists(name.to_owned())),
        Err(error) => return Err(error),
    };
    for file in [RINGS, EVENTS, STOP] {
        let _ = fs::remove_file(place.join(file));
    }
    Ok((place, claim))
}

fn take_unused() -> Result<(PathBuf, Claim), SessionError> {
    let program: String =
        sys::program_name().chars().filter(|char| char.is_ascii_alphanumeric()).take(100).collect();
    let name = format!("{program}-{}", sys::process());
    let names = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    for name in names.take(1000) {
        match take(&name) {
            Err(SessionError::Exists(_)) => {}
            taken => return taken,
        }
    }
    Err(SessionError::Exists(name))
}

/// A number that no other trace has.
pub(crate) fn unique() -> [u8; 16] {
    use std::hash::{BuildHasher, RandomState};
    let half = |which: u64| RandomState::new().hash_one((which, std::process::id(), sys::realtime()));
    let mut unique = [0; 16];
    unique[..8].copy_from_slice(&half(0).to_ne_bytes());
    unique[8..].copy_from_slice(&half(1).to_ne_bytes());
    unique
}

fn environment(inside: bool) -> Vec<(perseq_ctf::Text, perseq_ctf::Setting)> {
    let mut environment =
        vec![("domain".into(), "ust".to_owned().into()), ("tracer_name".into(), "perseq".to_owned().into())];
    if let Ok(host) = fs::read_to_string("/proc/sys/kernel/hostname") {
        environment.push(("hostname".into(), host.trim().to_owned().into()));
    }
    if inside {
        environment.push(("procname".into(), sys::program_name().into()));
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
    active: Active,
    rings: Arc<Rings>,
    output: PathBuf,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<Summary, SessionError>>>,
    /// That which has the thread.
    process: u32,
}

/// What the thread and its owner share.
#[derive(Debug, Default)]
struct Shared {
    over: AtomicBool,
    ended: AtomicBool,
    summary: Mutex<Summary>,
}

impl Session {
    /// A session that will be written to a folder, which must not hold a trace yet.
    pub fn builder(folder: impl Into<PathBuf>) -> Builder {
        Builder {
            output: folder.into(),
            name: None,
            rules: Vec::new(),
            level: Level::Debug,
            mode: Mode::Discard,
            size: 4 << 20,
            sub_buffers: 4,
            version: Version::V1_8,
            context: Vec::new(),
            programs: Programs::This,
        }
    }

    /// Starts the thread that reads the rings.
    pub(crate) fn host(
        place: &Path,
        plan: &Plan,
        rings: &Arc<Rings>,
        mut consumer: Consumer,
        claim: Claim,
        inside: bool,
    ) -> Result<Self, SessionError> {
        let shared = Arc::new(Shared::default());
        let active = Active::at(place);
        let work = {
            let (shared, active, rings) = (Arc::clone(&shared), active.clone(), Arc::clone(rings));
            move || {
                rings.common().reader.store(sys::thread(), Ordering::Relaxed);
                let mut looked = Instant::now();
                while !shared.over.load(Ordering::Acquire) {
                    consumer.turn();
                    *shared.summary.lock().unwrap_or_else(PoisonError::into_inner) = consumer.summary();
                    if looked.elapsed() < INTERVAL {
                        continue;
                    }
                    if active.is_stopped() {
                        break;
                    }
                    if inside {
                        program::look();
                    }
                    looked = Instant::now();
                }
                if inside {
                    program::leave(active.place());
                }
                // The programs leave, as far as they hear of it; what others record now is in no trace.
                let _ = fs::write(active.place().join(STOP), "");
                home::ring();
                let result = consumer.finish();
                ring::close(&rings);
                if inside {
                    // Threads may be about to record: the rings stay.
                    rings.close_files();
                }
                shared.ended.store(true, Ordering::Release);
                home::remove(active.place());
                drop(claim);
                home::ring();
                control::sweep();
                result
            }
        };
        let thread =
            sys::without_signals(|| std::thread::Builder::new().name("perseq-trace".to_owned()).spawn(work));
        let thread = Some(thread.map_err(SessionError::Thread)?);
        Ok(Self {
            active,
            rings: Arc::clone(rings),
            output: plan.output.clone(),
            shared,
            thread,
            process: sys::process(),
        })
    }

    /// Where it is written to.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.output
    }

    /// Where programs find it: what `PERSEQ_TRACE` is to be for those that are started for it.
    #[must_use]
    pub fn place(&self) -> &Path {
        self.active.place()
    }

    /// It, for those who control it.
    #[must_use]
    pub fn active(&self) -> &Active {
        &self.active
    }

    /// What became of the events that were read so far: some are still in the rings.
    #[must_use]
    pub fn summary(&self) -> Summary {
        *self.shared.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it was [stopped](Active::stop) by somebody else.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.shared.ended.load(Ordering::Acquire)
    }

    /// Stops recording, and writes what is in the rings. What threads record at this moment may be lost.
    ///
    /// # Errors
    /// The first error of writing. What was written before can be read, and the events since are counted as lost.
    pub fn stop(mut self) -> Result<Summary, SessionError> {
        self.end()
    }

    fn end(&mut self) -> Result<Summary, SessionError> {
        let Some(thread) = self.thread.take() else { return Ok(Summary::default()) };
        if self.process != sys::process() {
            // The thread is the parent's, and so is the trace.
            std::mem::forget(thread);
            return Ok(Summary::default());
        }
        program::leave(self.active.place());
        self.shared.over.store(true, Ordering::Release);
        consumer::wake(&self.rings);
        // A panic of that thread has been told by the hook; what it has written is there.
        thread.join().unwrap_or_else(|_| Ok(self.summary()))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Who wants to know of errors calls `stop`.
        let _ = self.end();
    }
}
