//! lldb as it comes, and with its `perseq.py`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use perseq_tests::child::run_for;
use perseq_tests::skip::{sequences_run, skip};

use crate::plain::sums;
use crate::program;

/// Longer than any session takes on a slow machine, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a loop that never ends is stepped.
const IN_VAIN: Duration = Duration::from_secs(10);
/// At the beginning of the loop without a bound. lldb stops at SIGURG too.
const TO_THE_LOOP: &str = "breakpoint set -n forever::stepped\nrun\ncontinue\nbreakpoint delete -f\n";

/// What lldb prints when it executes `commands` for at most so long, and whether it came to an end.
fn session_for(
    limit: Duration,
    name: &str,
    commands: &str,
    program: &Path,
    arguments: &[&str],
) -> (bool, String) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.lldb"));
    std::fs::write(&file, commands).expect("a file of commands");
    let mut lldb = Command::new("lldb");
    lldb.args(["--no-lldbinit", "-b", "-s"]).arg(file).arg("--").arg(program).args(arguments);
    lldb.env_remove("PERSEQ").env_remove("GLIBC_TUNABLES");
    if let Some(modules) = modules() {
        lldb.env("PYTHONPATH", modules);
    }
    let (status, output) = run_for(limit, &mut lldb);
    (status.is_some(), output)
}

/// Where Debian has lldb's modules for Python, which lldb looks for elsewhere.
fn modules() -> Option<PathBuf> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>()
    };
    // As /usr/lib/llvm-14/lib/python3.11/dist-packages.
    let libraries = entries(Path::new("/usr/lib")).into_iter().map(|version| version.join("lib"));
    let mut packages =
        libraries.flat_map(|library| entries(&library)).map(|python| python.join("dist-packages"));
    packages.find(|modules| modules.join("lldb/embedded_interpreter.py").exists())
}

/// With the script.
fn script(commands: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/lldb/perseq.py");
    format!("command script import {}\n{commands}", script.display())
}

#[track_caller]
fn session(name: &str, commands: &str, arguments: &[&str]) -> String {
    let commands = script(&format!("{commands}\nbreakpoint list\ncontinue"));
    let (ended, output) = session_for(PATIENCE, name, &commands, &program("forever"), arguments);
    assert!(ended, "{name} did not end within {PATIENCE:?}:\n{output}");
    assert!(output.contains("No breakpoints currently set."), "a breakpoint was left behind:\n{output}");
    output
}

/// Whether lldb is here, runs programs and scripts, and sequences run; if not, says that the test is skipped for it.
fn is_there() -> bool {
    static WHY_NOT: OnceLock<Option<String>> = OnceLock::new();
    let why_not = WHY_NOT.get_or_init(|| {
        if !Command::new("lldb").arg("--version").output().is_ok_and(|output| output.status.success()) {
            return Some("it is not installed".into());
        }
        let commands = script("rseq list\nrun");
        let (_, output) = session_for(PATIENCE, "lldb_is_there", &commands, Path::new("/bin/true"), &[]);
        let works =
            output.contains("There are no critical sections") && output.contains("exited with status = 0");
        (!works).then_some(output)
    });
    match why_not {
        None => sequences_run(),
        Some(why_not) => {
            skip("lldb", why_not);
            false
        }
    }
}

/// The control.
#[test]
fn a_retry_loop_without_a_bound_hangs_in_next() {
    if is_there() {
        let commands = format!("{TO_THE_LOOP}{}", "next\n".repeat(12));
        let (ended, output) = session_for(IN_VAIN, "lldb_hangs", &commands, &program("forever"), &[]);
        assert!(!ended && output.contains("forever::stepped"), "{output}");
    }
}

#[test]
fn rnext_and_rstepi_pass_it_while_others_add() {
    if is_there() {
        for (name, steps) in [("lldb_rnext", "rnext 40"), ("lldb_rstepi", "rstepi 100")] {
            let output = session(name, &format!("{TO_THE_LOOP}{steps}"), &["2"]);
            let (added, found) = sums(&output);
            assert_eq!(found, added, "updates were lost:\n{output}");
            assert!(added > 100, "the others did not go on: {added}");
            let (_, after) = output.rsplit_once(&format!("(lldb) {steps}")).expect("the command");
            assert!(!after.contains("forever::stepped"), "the loop did not end:\n{output}");
        }
    }
}

#[test]
fn sections_are_listed_before_and_while_the_program_runs() {
    if is_there() {
        let output = session(
            "lldb_list",
            &format!("rseq list forever::stepped\n{TO_THE_LOOP}rseq list forever::stepped"),
            &[],
        );
        assert_eq!(output.matches(": 1 critical sections").count(), 2, "{output}");
        assert_eq!(output.matches("forever.rs:").count(), 2, "{output}");
    }
}

#[test]
fn a_section_is_left_by_its_commit_or_by_an_abort() {
    if is_there() {
        let module = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lldb_ends.py");
        std::fs::write(&module, TO_A_SECTION).expect("a module");
        let import = format!("{TO_THE_LOOP}command script import {}", module.display());
        let output = session("lldb_ends", &import, &[]);
        assert!(output.contains("about to arm the section forever::stepped"), "{output}");
        assert!(output.contains("Run till the commit of forever::stepped"), "{output}");
        assert!(output.contains("in the section forever::stepped"), "{output}");
        assert!(output.contains("Run till the abort handler of forever::stepped"), "{output}");
        assert_eq!(sums(&output), (8, 8));
    }
}

/// Steps to a section and over it, then into one and out of it.
const TO_A_SECTION: &str = "
import lldb

def __lldb_init_module(debugger, _dict):
    def said(command):
        result = lldb.SBCommandReturnObject()
        debugger.GetCommandInterpreter().HandleCommand(command, result)
        return result.GetOutput() or ''

    def step_until(words, command):
        for _ in range(100):
            if words in said('rseq where'):
                return
            said(command)

    debugger.SetAsync(False)
    step_until('about to arm', 'rstepi')
    print(said('rseq where'), said('rfinish'))
    step_until('about to arm', 'rstepi')
    step_until('in the section', 'stepi')
    print(said('rseq where'), said('rfinish'))
";
