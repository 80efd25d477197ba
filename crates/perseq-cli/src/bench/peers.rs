//! Where the peers are that are no crates: libraries of ours that `ci/peers.sh` makes of the files in `benches/peers`. They are loaded
//! if they are there: the command needs neither what they are made of nor a C compiler.

use std::env;
use std::error::Error as _;
use std::path::PathBuf;

/// A file of theirs, or what to do to have it.
pub fn find(name: &str) -> Result<PathBuf, String> {
    let path = directory().map(|directory| directory.join(name)).filter(|path| path.exists());
    path.ok_or_else(|| "needs ci/peers.sh".to_owned())
}

/// Where they are: where the user says, or beside what cargo has built.
fn directory() -> Option<PathBuf> {
    if let Some(directory) = env::var_os("PERSEQ_PEERS") {
        return Some(directory.into());
    }
    let executable = env::current_exe().ok()?;
    // Cargo marks its directory with this file.
    let target = executable.ancestors().find(|directory| directory.join("CACHEDIR.TAG").exists())?;
    Some(target.join("peers"))
}

/// What the loader says, which is in the source of an error.
pub fn wrong(error: libloading::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
