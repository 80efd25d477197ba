//! Sessions as those see them who did not start them: what there is, and what can be asked of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use perseq_ctf::{EventType, Level};
use serde_json::Value;
use wildmatch::WildMatch;

use crate::claim::{Claim, consumer};
use crate::consumer::Consumer;
use crate::context::Context;
use crate::emit::Mode;
use crate::error::{SessionError, at};
use crate::home::{self, CONSUMER, Locked, PLAN, STOP};
use crate::plan::{Plan, Rule};
use crate::program::open_rings;
use crate::ring::{self, Rings};
use crate::session::{Session, place_of, unique};
use crate::stream::Summary;
use crate::sys;

/// A session of this user's, started by any process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    place: PathBuf,
}

/// What a session is, at a moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The folder of the trace.
    pub output: PathBuf,
    /// What is done where there is no room.
    pub mode: Mode,
    /// Bytes of each CPU's ring.
    pub ring: u64,
    /// What is recorded with every event.
    pub context: Vec<Context>,
    /// What is on and off, by glob and level; the last that matches counts.
    pub rules: Vec<(bool, String, Level)>,
    /// The process that reads the rings, if it lives.
    pub consumer: Option<u32>,
}

/// The sessions of this user, by name.
///
/// # Errors
/// If the user's runtime folder cannot be used.
pub fn active() -> Result<Vec<Active>, SessionError> {
    let places = home::all_sessions()?.into_iter().filter(|place| place.join(PLAN).exists());
    Ok(places.map(|place| Active { place }).collect())
}

impl Active {
    /// The session of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, SessionError> {
        let place = place_of(name)?;
        if !place.join(PLAN).exists() {
            return Err(SessionError::Unknown(name.to_owned()));
        }
        home::is_private(&place)?;
        Ok(Self { place })
    }

    pub(crate) fn at(place: &Path) -> Self {
        Self { place: place.into() }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        self.place.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Where programs find it.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// What it is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn status(&self) -> Result<Status, SessionError> {
        let plan = Plan::read(&self.place)?;
        let rule = |rule: &Rule| (rule.on, rule.glob.to_string(), rule.level);
        Ok(Status {
            rules: plan.rules.iter().map(rule).collect(),
            output: plan.output,
            mode: plan.mode,
            ring: plan.shape.size,
            context: plan.context,
            consumer: consumer(&self.place),
        })
    }

    /// Turns on the events whose name matches, and that are as grave as `level`, or graver, in all programs that it records. Programs that listen hear of it at once.
    ///
    /// # Errors
    /// If the plan cannot be read or written.
    pub fn enable(&self, glob: &str, level: Level) -> Result<(), SessionError> {
        self.rule(Rule { on: true, glob: WildMatch::new(glob), level })
    }

    /// Turns off the events whose name matches.
    ///
    /// # Errors
    /// As [`enable`](Self::enable).
    pub fn disable(&self, glob: &str) -> Result<(), SessionError> {
        self.rule(Rule { on: false, glob: WildMatch::new(glob), level: Level::Debug })
    }

    fn rule(&self, rule: Rule) -> Result<(), SessionError> {
        // One after the other.
        let lock = Locked::open(&self.place.join(CONSUMER))?;
        let mut plan = Plan::read(&self.place)?;
        // What it was before is as it was, unless this says otherwise.
        plan.rules.retain(|before| before.glob != rule.glob);
        plan.rules.push(rule);
        plan.write(&self.place)?;
        drop(lock);
        home::ring();
        Ok(())
    }

    /// Writes what is in the rings of a session that overwrites old events to a folder, which must not hold a trace yet. Nobody is stopped meanwhile.
    ///
    /// # Errors
    /// If the session is of another kind, or the folder cannot be written.
    pub fn snapshot(&self, folder: &Path) -> Result<Summary, SessionError> {
        let plan = Plan::read(&self.place)?;
        if plan.mode != Mode::Overwrite {
            return Err(SessionError::NoSnapshot);
        }
        let (_, mut types) =
            perseq_ctf::Directory::resume(&plan.output, plan.version).map_err(SessionError::Output)?;
        types.uuid = unique();
        types.clock = plan.clock.describe();
        types.events.clear();
        let rings = self.rings()?;
        let mut consumer = Consumer::new(&self.place, plan, Arc::clone(&rings), folder, types)?;
        consumer.copy();
        if ring::is_closed(&rings) {
            // What was copied last may be what the memory was then: nothing.
            consumer.discard();
            return Err(SessionError::Unknown(self.name()));
        }
        consumer.finish()
    }

    /// Asks whoever reads the rings to stop, and waits until he has, for some time at most.
    ///
    /// # Errors
    /// If nobody reads them: [`recover`](Self::recover) it.
    pub fn stop(&self, patience: Duration) -> Result<(), SessionError> {
        if consumer(&self.place).is_none() && self.place.exists() {
            return Err(at(&self.place)(std::io::Error::other(
                "nobody reads the rings: recover the session",
            )));
        }
        let path = self.place.join(STOP);
        match fs::write(&path, "") {
            // It is over already.
            Err(_) if !self.place.exists() => return Ok(()),
            written => written.map_err(at(&path))?,
        }
        home::ring();
        let since = Instant::now();
        while self.place.exists() {
            if since.elapsed() > patience {
                return Err(at(&self.place)(std::io::ErrorKind::TimedOut.into()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Goes on with a session whose reader was killed: this process reads the rings now. Nothing that is in them was lost, and nothing will be there twice.
    ///
    /// # Errors
    /// If somebody reads them, or the trace cannot be gone on with.
    pub fn resume(&self) -> Result<Session, SessionError> {
        let claim = Claim::take(&self.place)?;
        let plan = Plan::read(&self.place)?;
        let rings = self.rings()?;
        let consumer = Consumer::resume(&self.place, plan.clone(), Arc::clone(&rings))?;
        let session = Session::host(&self.place, &plan, &rings, consumer, claim, false)?;
        home::ring();
        Ok(session)
    }

    /// Writes what is in the rings of a session whose reader was killed, and ends it.
    ///
    /// # Errors
    /// As [`resume`](Self::resume), and those of writing.
    pub fn recover(&self) -> Result<Summary, SessionError> {
        self.resume()?.stop()
    }

    fn rings(&self) -> Result<Arc<Rings>, SessionError> {
        open_rings(&self.place).map(Arc::new)
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.place.join(STOP).exists()
    }
}

/// How long a session may be made before somebody claims it.
const UNCLAIMED: Duration = Duration::from_secs(1);

/// Removes what is left of programs that are gone, and of sessions that were not complete when who made them was killed: nobody can go on with these.
pub(crate) fn sweep() {
    home::sweep();
    for place in home::all_sessions().unwrap_or_default() {
        let made = fs::metadata(&place).and_then(|folder| folder.modified());
        let is_old = made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > UNCLAIMED));
        if is_old && !place.join(PLAN).exists() && consumer(&place).is_none() {
            home::remove(&place);
        }
    }
}

/// A program that listens.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Program {
    /// Its process id.
    pub process: u32,
    /// What it is called.
    pub name: String,
    /// The session that it is in.
    pub session: Option<String>,
    /// Why it is in none, or not all of its events are on.
    pub trouble: Option<String>,
    /// What it can record.
    pub events: Vec<EventType>,
}

/// The programs of this user that [listen](crate::listen).
///
/// # Errors
/// If the user's runtime folder cannot be used.
pub fn programs() -> Result<Vec<Program>, SessionError> {
    let folder = home::programs()?;
    let mut programs = Vec::new();
    for entry in fs::read_dir(&folder).map_err(at(&folder))?.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let mut parts = name.to_str().unwrap_or_default().split('.');
        let (Some(process), Some(_), None) = (parts.next(), parts.next(), parts.next()) else { continue };
        let Ok(process) = process.parse::<u32>() else { continue };
        let Some(said) = home::read(&path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok())
        else {
            continue;
        };
        let started = said.get("started").and_then(Value::as_u64);
        if started != sys::started(process) {
            // It is gone, and had no time to remove this.
            let _ = fs::remove_file(&path);
            continue;
        }
        let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
        let events = said.get("events").and_then(Value::as_array).into_iter().flatten();
        programs.push(Program {
            process,
            name: text("name").unwrap_or_default(),
            session: text("session")
                .and_then(|place| Some(Path::new(&place).file_name()?.to_string_lossy().into_owned())),
            trouble: text("trouble"),
            events: events.filter_map(|event| EventType::from_json(event.to_string().as_bytes())).collect(),
        });
    }
    // The copies of this crate in a program, if there are several, are one program.
    programs.sort_by_key(|program| program.process);
    programs.dedup_by(|copy, program| {
        let same = copy.process == program.process;
        if same {
            program.events.append(&mut copy.events);
            program.session = program.session.take().or(copy.session.take());
            program.trouble = program.trouble.take().or(copy.trouble.take());
        }
        same
    });
    Ok(programs)
}
