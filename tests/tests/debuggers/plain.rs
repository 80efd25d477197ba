//! gdb as it comes, without any script.

use std::time::Duration;

use crate::{gdb, program};

/// How long a loop that never ends is stepped: some thousand times as long as one addition takes under gdb.
const IN_VAIN: Duration = Duration::from_secs(10);

/// Steps, by a command of gdb, from before each sequence to behind it.
const EACH: &str = "
python
def function():
    frame = gdb.newest_frame()
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame.name()

def pass_each(command):
    passed = 0
    gdb.execute('break kinds::kinds::begin')
    gdb.execute('break kinds::kinds::end')
    gdb.execute('run')
    while gdb.selected_inferior().pid:
        while function() != 'kinds::kinds::end':
            gdb.execute(command, to_string=True)
        passed += 1
        gdb.execute('continue', to_string=True)
    print('passed %d sequences' % passed)
end
";

/// The commands that let `command` pass every sequence of the program `kinds`.
pub(crate) fn pass_each(command: &str) -> String {
    format!("{EACH}\npython pass_each('{command}')")
}

/// Fails unless the program `kinds` got through, with right results.
#[track_caller]
pub(crate) fn assert_passed(output: &str) {
    let number = |before, after| {
        let mut numbers = output.lines().filter_map(|line| line.strip_prefix(before)?.strip_suffix(after));
        numbers.next().unwrap_or_else(|| panic!("no line `{before}…{after}`:\n{output}")).to_string()
    };
    assert_eq!(number("passed ", " sequences"), number("all ", " sequences are right"));
}

#[test]
fn every_kind_of_sequence_gets_through_next() {
    if gdb::is_there() {
        let output = gdb::session("plain_next", &pass_each("next"), &program("kinds"), &[]);
        assert_passed(&output);
    }
}

#[test]
fn every_kind_of_sequence_gets_through_stepi() {
    if gdb::is_there() {
        let output = gdb::session("plain_stepi", &pass_each("stepi 1000000"), &program("kinds"), &[]);
        assert_passed(&output);
    }
}

/// The control, and what the script is for.
#[test]
fn a_retry_loop_without_a_bound_hangs_in_next() {
    if !gdb::is_there() {
        return;
    }
    let to_the_loop = "break forever::stepped\nrun\n";
    let program = program("forever");
    let output = gdb::session("to_the_loop", &format!("{to_the_loop}delete\ncontinue"), &program, &[]);
    assert!(output.contains("added 8, found 8"), "{output}");
    let in_vain = format!("{to_the_loop}next\nnext\nnext\nnext\necho the end of the session\\n");
    let (ended, output) = gdb::session_for(IN_VAIN, "plain_next_hangs", &in_vain, &program, &[]);
    assert!(output.contains("forever::stepped ("), "it was not stopped before the loop:\n{output}");
    assert!(!ended && !output.contains("the end of the session"), "it did not hang:\n{output}");
}

/// Why loading the script turns displaced stepping off: going on from a breakpoint in a section, gdb takes the section's protection away.
#[test]
fn a_breakpoint_in_a_section_loses_updates_with_displaced_stepping_only() {
    if !gdb::is_there() {
        return;
    }
    let program = program("forever");
    const HITS: u32 = 1000;
    const CHANCES: u32 = 10;
    let run = |name, displaced: &str| {
        // Of all threads, so that each is stopped between its load and its store while another one goes on.
        let commands = format!(
            "set displaced-stepping {displaced}\n\
             break forever::stepped\n\
             run\n\
             delete\n\
             python\n\
             code = gdb.selected_inferior().architecture().disassemble(gdb.newest_frame().pc(), count=40)\n\
             gdb.execute('break *%#x' % next(one['addr'] for one in code if one['asm'].startswith('add    $0x1,')))\n\
             end\n\
             ignore 2 {HITS}\n\
             continue\n\
             info breakpoints\n\
             delete\n\
             continue"
        );
        gdb::session(name, &commands, &program, &["2", "100000"])
    };
    // On a busy machine the two threads may take turns so that nothing is lost.
    let lost = (0..CHANCES).any(|_| {
        let (added, found) = sums(&run("displaced", "on"));
        found < added
    });
    assert!(lost, "no update was lost");
    let (added, found) = sums(&run("not_displaced", "off"));
    assert_eq!(found, added);
}

/// What the program `forever` says at its end.
#[track_caller]
pub(crate) fn sums(output: &str) -> (u64, u64) {
    // Behind what gdb may have said in the same line.
    let sums = output.lines().find_map(|line| {
        let (added, found) = line.split_once(", found ")?;
        Some((added.rsplit_once("added ")?.1, found))
    });
    let (added, found) = sums.unwrap_or_else(|| panic!("the program did not end:\n{output}"));
    (added.parse().expect("a number"), found.parse().expect("a number"))
}
