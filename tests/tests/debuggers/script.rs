//! gdb with `perseq.py`.

use std::path::Path;

use crate::gdb;
use crate::plain::{assert_passed, pass_each, sums};
use crate::program;

/// Threads that add while one is stepped, as an argument.
const OTHERS: &str = "2";

/// What every session begins with.
fn with_script(commands: &str) -> String {
    format!("source {}\n{commands}\nmaint info breakpoints", gdb::script().display())
}

/// Runs commands with the script, and fails if it left a breakpoint behind.
#[track_caller]
fn session(name: &str, commands: &str, program: &Path, arguments: &[&str]) -> String {
    let output = gdb::session(name, &with_script(commands), program, arguments);
    assert_clean(&output);
    output
}

/// gdb's own internal breakpoints are of other types.
#[track_caller]
fn assert_clean(output: &str) {
    assert!(output.contains("Num     Type"), "there is no list of breakpoints:\n{output}");
    let left = output.lines().find(|line| line.starts_with('-') && line.contains(" breakpoint "));
    assert_eq!(left, None, "a breakpoint was left behind:\n{output}");
}

/// In a debugger's words: at the beginning of the loop without a bound.
const TO_THE_LOOP: &str = "break forever::stepped\nrun\ndelete\n";

/// Passes the loop by a command, as often as that takes, and runs to the end.
fn pass_the_loop(command: &str) -> String {
    format!(
        "{TO_THE_LOOP}\
         python\n\
         loop = gdb.newest_frame()\n\
         times = 0\n\
         while loop.is_valid():\n    \
             gdb.execute('{command}')\n    \
             times += 1\n\
         print('%d times' % times)\n\
         end\n\
         maint info breakpoints\n\
         continue"
    )
}

/// Runs through the loop by a command while others add, and tells how often it took that.
#[track_caller]
fn passes_the_loop(name: &str, command: &str) -> u32 {
    let output = session(name, &pass_the_loop(command), &program("forever"), &[OTHERS]);
    let (added, found) = sums(&output);
    assert_eq!(found, added, "updates were lost:\n{output}");
    assert!(added > 100, "the others did not go on: {added}");
    let times = output.lines().find_map(|line| line.strip_suffix(" times")).expect("a number of times");
    times.parse().expect("a number")
}

#[test]
fn next_and_rnext_pass_a_retry_loop_without_a_bound() {
    if gdb::is_there() {
        // A few lines for each of eight additions.
        let times = passes_the_loop("next", "next");
        assert!((8..40).contains(&times), "{times}");
        assert_eq!(passes_the_loop("rnext", "rnext"), times);
    }
}

#[test]
fn step_passes_it() {
    if gdb::is_there() {
        passes_the_loop("step", "step");
    }
}

#[test]
fn stepi_and_nexti_pass_it() {
    if gdb::is_there() {
        passes_the_loop("stepi", "stepi");
        passes_the_loop("nexti", "nexti");
    }
}

#[test]
fn rstepi_passes_it() {
    if gdb::is_there() {
        // Less than the instructions of the sections.
        let times = passes_the_loop("rstepi", "rstepi");
        assert!((8..8 * 8).contains(&times), "{times}");
    }
}

#[test]
fn a_count_is_kept() {
    if gdb::is_there() {
        let once = passes_the_loop("rnext_once", "rnext");
        let thrice = passes_the_loop("rnext_3", "rnext 3");
        assert_eq!(once.div_ceil(3), thrice);
        let once = passes_the_loop("rstepi_once", "rstepi");
        let often = passes_the_loop("rstepi_7", "rstepi 7");
        assert_eq!(once.div_ceil(7), often);
    }
}

/// The switch.
#[test]
fn next_is_gdbs_own_when_stepping_over_sections_is_off() {
    if gdb::is_there() {
        let commands = with_script(&format!("set rseq-stepping off\n{TO_THE_LOOP}next\nnext\nnext\nnext"));
        let limit = std::time::Duration::from_secs(10);
        let (ended, output) = gdb::session_for(limit, "stepping_off", &commands, &program("forever"), &[]);
        assert!(!ended && output.contains("forever::stepped ("), "{output}");
    }
}

/// At a prompt, gdb executes the rest of a command's hooks before the program has stopped.
#[test]
fn what_is_typed_passes_it_too() {
    if !gdb::is_there() {
        return;
    }
    let steps = "next\n".repeat(12);
    let commands = with_script(&format!(
        "{TO_THE_LOOP}{steps}n\ns\nnexti\nstepi\nstepi 2\nmaint info breakpoints\ncontinue"
    ));
    let output = gdb::typed("typed", &commands, &program("forever"), &[OTHERS]);
    assert_clean(&output);
    let (added, found) = sums(&output);
    assert_eq!(found, added, "{output}");
    let lines = output.lines().filter(|line| line.contains("added += 1;")).count();
    assert!(lines >= 5, "{output}");
}

#[test]
fn every_kind_of_sequence_is_passed() {
    if gdb::is_there() {
        for command in ["next", "rnext", "rstepi 10000000"] {
            let name = format!("kinds_{}", command.split(' ').next().expect("a word"));
            let output = session(&name, &pass_each(command), &program("kinds"), &[]);
            assert_passed(&output);
        }
    }
}

/// Before the program runs, addresses are those of its file.
#[test]
fn sections_are_listed_before_and_while_the_program_runs() {
    if !gdb::is_there() {
        return;
    }
    let output =
        session("list", &format!("rseq list\n{TO_THE_LOOP}rseq list stepped"), &program("forever"), &[]);
    let tables: Vec<&str> = output.split("critical sections\n").collect();
    let [_, before, after] = tables[..] else { panic!("two lists:\n{output}") };
    // The addresses of each row.
    let rows = |table: &str| -> Vec<[u64; 4]> {
        let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
        let row = |line: &str| {
            let numbers: Vec<u64> = line.split_whitespace().map_while(number).collect();
            numbers.try_into().ok()
        };
        table.lines().filter_map(row).collect()
    };
    let (before, after) = (rows(before), rows(after));
    assert!(before.len() >= 2 && after.len() == 1, "{output}");
    // Loaded as a whole.
    let moved = |row: &[u64; 4]| row.map(|address| after[0][0].wrapping_sub(row[0]).wrapping_add(address));
    assert!(after[0][0] > before[0][0] && before.iter().any(|row| moved(row) == after[0]), "{output}");
    assert!(output.contains("forever.rs:") && output.contains("exits"), "{output}");
}

/// Goes to the instruction whose text begins in some way, from the beginning of the loop.
fn to_instruction(text: &str) -> String {
    format!(
        "{TO_THE_LOOP}\
         python\n\
         code = gdb.selected_inferior().architecture().disassemble(gdb.newest_frame().pc(), count=60)\n\
         gdb.execute('tbreak *%#x' % next(one['addr'] for one in code if one['asm'].startswith('{text}')))\n\
         end\n\
         continue\n"
    )
}

/// What adds, in the section.
const ADDITION: &str = "add    $0x1,";

#[test]
fn a_thread_that_was_stopped_in_a_section_is_aborted() {
    if !gdb::is_there() {
        return;
    }
    let commands =
        format!("{}rseq where\nrfinish\nrseq where\nrstepi 2\nrnext\ncontinue", to_instruction(ADDITION));
    let output = session("inside", &commands, &program("forever"), &[]);
    assert!(
        output.contains("in the section ") && output.contains("2 instructions before its commit"),
        "{output}"
    );
    assert!(output.contains("forever.rs:") && output.contains("it will be aborted"), "{output}");
    let area = output.lines().find(|line| line.starts_with("rseq area at 0x")).expect("its area");
    assert!(
        area.contains("cpu_id ") && area.contains("(forever::stepped"),
        "its descriptor is armed: {area}"
    );
    assert!(output.contains("Run till the abort handler of "), "{output}");
    assert!(output.contains("in no section"), "{output}");
    assert_eq!(sums(&output), (8, 8));
}

/// From before the arming store, a section commits in one step.
#[test]
fn a_thread_before_a_section_runs_to_its_commit() {
    if !gdb::is_there() {
        return;
    }
    let commands = format!(
        "{TO_THE_LOOP}\
         python\n\
         while 'about to arm' not in gdb.execute('rseq where', to_string=True): gdb.execute('rstepi')\n\
         end\n\
         rseq where\n\
         rfinish\n\
         rfinish\n"
    );
    let limit = std::time::Duration::from_secs(60);
    let (ended, output) =
        gdb::session_for(limit, "before", &with_script(&commands), &program("forever"), &[]);
    assert!(ended && output.contains("about to arm the section forever::stepped"), "{output}");
    assert!(output.contains("Run till the commit of forever::stepped"), "{output}");
    assert!(output.contains("The thread is in no critical section."), "{output}");
}

/// A pop from an empty list leaves its section by an exit.
#[test]
fn an_exit_is_told() {
    if !gdb::is_there() {
        return;
    }
    let commands = "
        break kinds::kinds::list
        run
        delete
        python
ends = set()
frame = gdb.newest_frame()
while frame.is_valid():
    if 'about to arm' in gdb.execute('rseq where', to_string=True):
        ends.add(gdb.execute('rfinish', to_string=True).split(' of ')[0].split(' 0x')[0])
    else:
        gdb.execute('nexti', to_string=True)
print(sorted(end.split('kinds::')[0] for end in ends))
        end
        continue";
    let output = session("exits", commands, &program("kinds"), &[]);
    assert!(output.contains("Run till the commit") && output.contains("Run till the exit to "), "{output}");
}

/// A step ends where the user wants the program to stop.
#[test]
fn breakpoints_and_signals_end_a_step() {
    if !gdb::is_there() {
        return;
    }
    let commands =
        "break kinds::kinds::counter\nrun\nbreak kinds::kinds::end\nrnext 1000\ninfo breakpoints\nkill";
    let output = session("user_breakpoint", commands, &program("kinds"), &[]);
    assert!(output.contains("Breakpoint 2, #0  kinds::kinds::end ()"), "{output}");
    let commands = format!(
        "{TO_THE_LOOP}handle SIGURG stop\nrnext\npython import os; os.kill(gdb.selected_inferior().pid, 23)\nrnext 1000\nkill"
    );
    let output = session("signal", &commands, &program("forever"), &[]);
    assert!(output.contains("received signal SIGURG"), "{output}");
}

/// What steps over a section lets others run if steps do.
#[test]
fn scheduler_locking_is_what_it_was() {
    if !gdb::is_there() {
        return;
    }
    for locking in ["step", "on", "off"] {
        let commands = format!(
            "{TO_THE_LOOP}set scheduler-locking {locking}\nrnext 4\nshow scheduler-locking\nset scheduler-locking off\ncontinue"
        );
        let output = session(&format!("locking_{locking}"), &commands, &program("forever"), &[OTHERS]);
        assert!(output.contains(&format!("is \"{locking}\".")), "{output}");
        let (added, found) = sums(&output);
        assert_eq!(found, added, "{output}");
    }
}

#[test]
fn the_end_of_the_program_ends_a_step() {
    if gdb::is_there() {
        let output = session("exit", &format!("{TO_THE_LOOP}rnext 100000"), &program("forever"), &[OTHERS]);
        let (added, found) = sums(&output);
        assert_eq!(found, added);
    }
}
