//! Runs the real gdb.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use perseq_tests::child::{run_for, run_for_reading};
use perseq_tests::skip::{sequences_run, skip};

/// Longer than any session takes on a slow machine, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Whether gdb is here and may run programs, and sequences run; if not, says that the test is skipped for it.
pub(crate) fn is_there() -> bool {
    static WHY_NOT: OnceLock<Option<String>> = OnceLock::new();
    let why_not = WHY_NOT.get_or_init(|| {
        let mut gdb = Command::new("gdb");
        gdb.args(["-nx", "-batch", "-ex", "python print(gdb.VERSION)", "-ex", "run", "/bin/true"]);
        if !Command::new("gdb").arg("--version").output().is_ok_and(|output| output.status.success()) {
            return Some("it is not installed".into());
        }
        let (_, output) = run_for(PATIENCE, &mut gdb);
        (!output.contains("exited normally")).then_some(output)
    });
    match why_not {
        None => sequences_run(),
        Some(why_not) => {
            skip("gdb", why_not);
            false
        }
    }
}

/// The script that is tested.
pub(crate) fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/gdb/perseq.py")
}

/// What gdb prints when it executes `commands` on a program.
///
/// # Panics
/// If it does not come to their end, or one of them fails.
#[track_caller]
pub(crate) fn session(name: &str, commands: &str, program: &Path, arguments: &[&str]) -> String {
    let commands = format!("{commands}\necho the end of the session\\n\n");
    let (ended, output) = session_for(PATIENCE, name, &commands, program, arguments);
    assert!(ended, "{name} did not end within {PATIENCE:?}:\n{output}");
    assert!(output.contains("the end of the session"), "{name} failed:\n{output}");
    output
}

/// What gdb prints when it executes `commands` for at most so long, and whether it came to an end.
pub(crate) fn session_for(
    limit: Duration,
    name: &str,
    commands: &str,
    program: &Path,
    arguments: &[&str],
) -> (bool, String) {
    let mut gdb = command();
    gdb.args(["-batch", "-x"]).arg(written(name, commands)).arg("--args").arg(program).args(arguments);
    let (status, output) = run_for(limit, &mut gdb);
    (status.is_some(), output)
}

/// What gdb prints when a user types `commands`.
#[track_caller]
pub(crate) fn typed(name: &str, commands: &str, program: &Path, arguments: &[&str]) -> String {
    let commands = written(name, &format!("{commands}\nkill\nquit\n"));
    let mut gdb = command();
    gdb.args(["-q", "--args"]).arg(program).args(arguments);
    let (status, output) = run_for_reading(File::open(commands).expect("just written"), PATIENCE, &mut gdb);
    assert!(status.is_some(), "{name} did not end within {PATIENCE:?}:\n{output}");
    output
}

fn command() -> Command {
    let mut gdb = Command::new("gdb");
    gdb.args(["-nx", "-iex", "set auto-load no", "-ex", "set pagination off", "-ex", "set confirm off"]);
    gdb.env_remove("PERSEQ").env_remove("GLIBC_TUNABLES");
    gdb
}

/// A file with commands.
fn written(name: &str, commands: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.gdb"));
    std::fs::write(&file, commands).expect("a file of commands");
    file
}
