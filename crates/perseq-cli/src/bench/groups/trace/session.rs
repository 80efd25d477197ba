//! The session of our contestants, of which there is one at a time in a process: it is ended when its folder has become large, and another
//! begun, between two runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use perseq_trace::{Session, Summary};

use super::peer::unpinned;
use super::tape;

/// The bytes of the files at which that is done.
const LENGTH: u64 = 256 << 20;

/// Bytes of each CPU's ring, and the number of its sub-buffers: as the large ones of LTTng.
const BUFFER: (usize, usize) = (16 << 20, 4);

/// The session, begun when it is first needed.
pub struct Shared {
    cpus: Box<[u32]>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// What became of events of sessions before.
    before: Total,
}

/// What became of events.
#[derive(Clone, Copy, Default)]
struct Total {
    events: u64,
    lost: u64,
}

impl Total {
    fn and(self, summary: &Summary) -> Self {
        Self { events: self.events + summary.events, lost: self.lost + summary.lost }
    }
}

impl Shared {
    pub fn new(cpus: &[u32]) -> Self {
        Self { cpus: cpus.into(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins it, unless it was.
    pub fn start(&self) -> Result<(), String> {
        let mut state = self.state();
        if state.session.is_none() {
            state.session = Some(unpinned(&self.cpus, begin)?);
        }
        Ok(())
    }

    /// How many events were written, or lost.
    pub fn done(&self) -> Option<u64> {
        let state = self.state();
        let total = state.before.and(&state.session.as_ref()?.summary());
        Some(total.events + total.lost)
    }

    /// Begins another if the files are large. If there can be none, the row finds that its events are missing.
    pub fn renew(&self) {
        let mut state = self.state();
        if state.session.as_ref().is_some_and(|session| size(session.folder()) >= LENGTH) {
            state.end();
            state.session = unpinned(&self.cpus, begin).ok();
        }
    }

    /// Ends it, and says whether it has lost events.
    pub fn end(&self) -> Option<String> {
        let mut state = self.state();
        state.end();
        let Total { events, lost } = state.before;
        (lost > 0).then(|| format!("`perseq_trace` has discarded {lost} of {} events.", events + lost))
    }
}

impl State {
    fn end(&mut self) {
        if let Some(session) = self.session.take() {
            let folder = session.folder().to_owned();
            if let Ok(summary) = session.stop() {
                self.before = self.before.and(&summary);
            }
            // What cannot be removed now is when another bench begins.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn begin() -> Result<Session, String> {
    remove_left_over();
    let (bytes, sub_buffers) = BUFFER;
    let session =
        Session::builder(folder_of(process::id())).enable("perseq_bench:*").buffer(bytes, sub_buffers);
    session.start().map_err(|error| error.to_string())
}

/// What folders begin with, before the number of their process.
const PREFIX: &str = "perseq-bench-trace.";

fn folder_of(process: u32) -> PathBuf {
    tape::directory().join(format!("{PREFIX}{process}"))
}

/// Removes the folders of those that were killed.
fn remove_left_over() {
    for entry in fs::read_dir(tape::directory()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let of = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        if of.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The bytes of the files in a folder.
fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}
