//! This process as one that is recorded: which session it is in, which of its events are on, and the thread that listens for changes of that.
//!
//! A program is in one session at a time: that of its own, that which it was started for, as long as that goes on, or the first that takes what listens. When it leaves one its events are
//! off. The rings stay mapped then, for a thread may be about to write to them: that costs addresses, and neither memory nor descriptors.
//!
//! Invariant: the id of a site that is on is that of its type in the session's [registry](crate::registry). A fork finds the state whole, since it
//! waits for whoever has it locked.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use perseq::fork::held_off;
use serde_json::{Value, json};

use crate::claim::consumer;
use crate::emit::{self, CONTEXT, SLOW_CLOCK};
use crate::error::SessionError;
use crate::home::{self, Bell, RINGS, STOP};
use crate::plan::Plan;
use crate::registry::Registry;
use crate::ring::Rings;
use crate::site::{Site, sites};
use crate::{context, sys};

/// What a program is told by whoever starts it: the folder of a session, or `listen`.
const VARIABLE: &str = "PERSEQ_TRACE";
/// How long a change can go unheard, if who made it was killed before the bell.
const INTERVAL: Duration = Duration::from_secs(5);
/// How soon it looks again at first: most sites of a program register before its `main`, and what failed may have been in another's way.
const SOON: Duration = Duration::from_millis(100);

static PROGRAM: Mutex<Program> =
    Mutex::new(Program { joined: None, starting: None, given: None, listed: None, trouble: None });

/// This process was in a session once.
static JOINED: AtomicBool = AtomicBool::new(false);

#[derive(Debug)]
struct Program {
    joined: Option<Joined>,
    /// The process that is about to start a session, and takes part in no other: that may be the parent of this one.
    starting: Option<u32>,
    /// The session that it was started for; it takes part in no other while that goes on.
    given: Option<PathBuf>,
    /// The file that says what it can record.
    listed: Option<Listed>,
    /// What went wrong last.
    trouble: Option<String>,
}

#[derive(Debug)]
struct Listed {
    path: PathBuf,
    process: u32,
    /// How many sites, which session and what trouble it tells of.
    said: Option<(usize, Option<PathBuf>, Option<String>)>,
}

/// A session that this process is in.
#[derive(Debug)]
struct Joined {
    session: PathBuf,
    registry: Registry,
    plan: Plan,
    /// The rings, if nobody else of this process has them.
    opened: Option<Arc<Rings>>,
    /// What the file of the plan was, as far as all was done that it says.
    text: Vec<u8>,
    /// Of sites that were on, by address. Those that no trace can have are none.
    ids: HashMap<usize, Option<u32>>,
}

fn with<R>(f: impl FnOnce(&mut Program) -> R) -> R {
    held_off(|| f(&mut PROGRAM.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// This process is about to start a session of its own, and joins no other meanwhile, until this is dropped.
#[derive(Debug)]
pub(crate) struct Starting(());

impl Starting {
    /// # Errors
    /// If it is in a session, or another thread starts one.
    pub(crate) fn new() -> Result<Self, SessionError> {
        with(|program| {
            if program.joined.is_some() || program.is_starting() {
                return Err(SessionError::Active);
            }
            program.starting = Some(sys::process());
            Ok(Self(()))
        })
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        with(|program| program.starting = None);
    }
}

/// Has events recorded in a session from now on.
///
/// # Errors
/// If this process is in a session already, or cannot be in this one.
pub(crate) fn join(session: &Path, rings: &Arc<Rings>) -> Result<(), SessionError> {
    with(|program| program.join(session, Some(rings)))
}

/// Has nothing recorded any more in this session.
pub(crate) fn leave(session: &Path) {
    with(|program| {
        if program.joined.as_ref().is_some_and(|joined| joined.session == session) {
            program.leave();
        }
    });
}

/// Does what the plan of the session says now; says whether all of it could be done.
pub(crate) fn look() -> bool {
    with(|program| {
        program.look();
        program.trouble.is_none()
    })
}

/// A site was registered: it may be one to be recorded.
pub(crate) fn found(site: &'static Site) {
    // With that of who joins a session: one of the two sees what the other has done.
    fence(Ordering::SeqCst);
    if !JOINED.load(Ordering::Relaxed) {
        return;
    }
    with(|program| {
        if let Some(joined) = &mut program.joined {
            let turned = joined.turn([site]);
            program.keep(turned);
        }
    });
}

/// Calls [`started`] after the sites that are loaded with this crate were registered, so that the types of all are added at once.
#[used]
#[unsafe(link_section = ".init_array.00501")]
static STARTED: extern "C" fn() = started;

/// The program was loaded: does what the environment asks for.
extern "C" fn started() {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty() && !sys::is_privileged())
    else {
        return;
    };
    if value != "listen" {
        with(|program| program.given = Some(value.into()));
    }
    let listening = listen();
    with(|program| program.keep(listening));
}

/// Has this process take part in sessions that are started elsewhere, such as by `perseq trace attach`, now and later: a thread sleeps until there is a change.
/// Programs that are started with `PERSEQ_TRACE=listen`, or by `perseq trace record`, need not call it. The child of a fork goes on as its parent was when it
/// forked, and hears of changes only if it calls this itself.
///
/// The environment is not obeyed by programs that run with other rights than their caller's.
///
/// # Errors
/// If there can be no thread, or the user's runtime folder cannot be used.
pub fn listen() -> Result<(), SessionError> {
    let bell = with(|program| {
        let process = sys::process();
        if program.listed.as_ref().is_some_and(|listed| listed.process == process) {
            return Ok(None);
        }
        let bell = Bell::open()?;
        program.listed = Some(Listed::new(process)?);
        Ok(Some(bell))
    })?;
    let Some(bell) = bell else { return Ok(()) };
    let count = bell.count();
    let mut done = look();
    let thread = sys::without_signals(|| {
        std::thread::Builder::new().name("perseq-listen".to_owned()).spawn(move || {
            let (mut count, mut interval) = (count, SOON);
            loop {
                bell.wait(count, interval);
                count = bell.count();
                interval = match (std::mem::replace(&mut done, look()), done) {
                    (_, true) => INTERVAL,
                    (true, false) => SOON,
                    (false, false) => INTERVAL.min(2 * interval),
                };
            }
        })
    });
    match thread {
        Ok(_) => Ok(()),
        Err(error) => {
            with(|program| program.listed = None);
            Err(SessionError::Thread(error))
        }
    }
}

impl Program {
    fn join(&mut self, session: &Path, rings: Option<&Arc<Rings>>) -> Result<(), SessionError> {
        if self.joined.is_some() {
            return Err(SessionError::Active);
        }
        home::is_private(session)?;
        let text = Plan::text(session)?;
        let plan = Plan::of_text(session, &text)?;
        let opened = match rings {
            Some(_) => None,
            None => Some(Arc::new(open_rings(session)?)),
        };
        context::want(&plan.context);
        if let Some(rings) = rings.or(opened.as_ref()) {
            // Never dropped.
            emit::record_into(Box::leak(Box::new(Arc::clone(rings))));
        }
        let mut joined = Joined {
            session: session.into(),
            registry: Registry::of(session),
            plan,
            opened,
            text,
            ids: HashMap::new(),
        };
        JOINED.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let turned = joined.turn(sites());
        self.joined = Some(joined);
        turned
    }

    fn leave(&mut self) {
        let Some(joined) = self.joined.take() else { return };
        sites().for_each(|site| site.set(None));
        if let Some(rings) = joined.opened {
            rings.close_files();
        }
    }

    fn is_starting(&self) -> bool {
        self.starting == Some(sys::process())
    }

    /// Keeps what went wrong, for those who ask.
    fn keep(&mut self, result: Result<(), SessionError>) {
        self.trouble = result.err().map(|error| error.to_string());
    }

    fn look(&mut self) {
        let stays = self.joined.as_mut().map_or(Ok(false), Joined::follow);
        let result = stays.and_then(|stays| match stays {
            true => Ok(()),
            false => {
                self.leave();
                self.find()
            }
        });
        self.keep(result);
        if let Some(listed) = &mut self.listed {
            let session = self.joined.as_ref().map(|joined| joined.session.clone());
            // Where this cannot be written nobody can be told so.
            let _ = listed.write(session.as_deref(), self.trouble.as_deref());
        }
    }

    /// Joins a session that takes this process.
    fn find(&mut self) -> Result<(), SessionError> {
        if self.is_starting() || self.listed.as_ref().is_none_or(|listed| listed.process != sys::process()) {
            return Ok(());
        }
        if let Some(given) = self.given.clone() {
            if !given.is_absolute() {
                return Err(SessionError::Variable(given));
            }
            if !is_over(&given) {
                return self.join(&given, None);
            }
            self.given = None;
        }
        for session in home::all_sessions()? {
            // What is not complete is made, or removed, at this moment: then the bell rings again.
            let accepts = Plan::read(&session).is_ok_and(|plan| plan.accepts(sys::process()));
            // What nobody reads may be gone on with, and is no reason to be in no other. Then the bell rings.
            if accepts && !is_over(&session) && consumer(&session).is_some() {
                return self.join(&session, None);
            }
        }
        Ok(())
    }
}

fn is_over(session: &Path) -> bool {
    !session.exists() || session.join(STOP).exists()
}

/// Joins the rings of a session.
pub(crate) fn open_rings(session: &Path) -> Result<Rings, SessionError> {
    let path = sys::c_path(&session.join(RINGS))?;
    Rings::open(&path).map_err(SessionError::Rings)
}

impl Joined {
    /// Does what the plan says now; says whether the session goes on.
    fn follow(&mut self) -> Result<bool, SessionError> {
        if is_over(&self.session) {
            return Ok(false);
        }
        let text = Plan::text(&self.session)?;
        if text == self.text {
            return Ok(true);
        }
        let plan = Plan::of_text(&self.session, &text)?;
        if plan.clock != self.plan.clock {
            // It is another session of that name.
            return Ok(false);
        }
        (self.plan, self.text) = (plan, text);
        self.turn(sites()).map(|()| true)
    }

    /// Turns sites on and off.
    fn turn(&mut self, sites: impl IntoIterator<Item = &'static Site>) -> Result<(), SessionError> {
        let (on, off): (Vec<_>, Vec<_>) = sites.into_iter().partition(|site| self.plan.wants(site));
        off.into_iter().for_each(|site| site.set(None));
        let address = |site: &'static Site| std::ptr::from_ref(site).addr();
        let new: Vec<_> = on.iter().copied().filter(|site| !self.ids.contains_key(&address(site))).collect();
        if !new.is_empty() {
            let types: Vec<_> = new.iter().map(|site| site.event_type()).collect();
            // What failed is tried again.
            let ids = self.registry.add(&types).inspect_err(|_| self.text.clear())?;
            self.ids.extend(new.into_iter().map(address).zip(ids));
        }
        let slow = if self.plan.clock.counter { 0 } else { SLOW_CLOCK };
        let context = if self.plan.context.is_empty() { 0 } else { CONTEXT };
        for site in on {
            let id = self.ids.get(&address(site)).copied().flatten();
            site.set(id.map(|id| id | slow | context));
        }
        Ok(())
    }
}

impl Listed {
    fn new(process: u32) -> Result<Self, SessionError> {
        home::sweep();
        // There may be several copies of this crate in a process, each with events of its own.
        let name = format!("{process}.{:x}", (&raw const PROGRAM).addr());
        Ok(Self { path: home::programs()?.join(name), process, said: None })
    }

    /// Says what the program can record, and where it does, if that is not said.
    fn write(&mut self, session: Option<&Path>, trouble: Option<&str>) -> Result<(), SessionError> {
        let now = (sites().count(), session.map(Path::to_path_buf), trouble.map(str::to_owned));
        if self.said.as_ref() == Some(&now) {
            return Ok(());
        }
        let events: Vec<Value> =
            sites().filter_map(|site| serde_json::from_str(&site.event_type().to_json()).ok()).collect();
        let text = json!({
            "name": sys::program_name(),
            "started": sys::started(self.process),
            "session": session.map(|session| session.to_string_lossy()),
            "trouble": trouble,
            "events": events,
        });
        home::replace(&self.path, text.to_string().as_bytes())?;
        self.said = Some(now);
        Ok(())
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        if self.process == sys::process() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
