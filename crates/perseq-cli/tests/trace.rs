//! `perseq trace` from the outside: what is recorded is printed, and what goes wrong is said.
#![cfg(target_os = "linux")]

use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use perseq_tests::limit::{Limit, eventually};
use perseq_trace::event;

/// Tells this test binary that it is a program to be recorded.
const PROGRAM: &str = "PERSEQ_TEST_PROGRAM";

/// A home for sessions and traces, which is removed again.
struct Home {
    path: PathBuf,
    _limit: Limit,
}

impl Home {
    fn new(test: &'static str) -> Self {
        use std::os::unix::fs::DirBuilderExt;
        let path = PathBuf::from(format!("/dev/shm/perseq-cli-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        Self { path, _limit: Limit::start(Duration::from_secs(100), test) }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_perseq"));
        command.arg("trace").args(arguments).env("XDG_RUNTIME_DIR", &self.path).current_dir(&self.path);
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What it prints, if it succeeds.
    #[track_caller]
    fn prints(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it says, if it succeeds.
    #[track_caller]
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// What it says of a program that it records.
    #[track_caller]
    fn records(&self, options: &[&str], what: &str) -> String {
        let program = program();
        let program = program.iter().map(String::as_str);
        let arguments: Vec<_> =
            ["record"].into_iter().chain(options.iter().copied()).chain(program).collect();
        let output = self.command(&arguments).env(PROGRAM, what).output().unwrap();
        assert!(output.status.success(), "{options:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// What it says, if it fails.
    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn start(&self, command: &mut Command) -> Process {
        Process(
            command
                .env("XDG_RUNTIME_DIR", &self.path)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A process that is killed when this is dropped.
struct Process(Child);

impl Process {
    fn signal(&self, signal: i32) {
        // SAFETY: a child of ours that was not waited for.
        unsafe { libc::kill(self.0.id().cast_signed(), signal) };
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The arguments that have this test binary run as a program.
fn program() -> [String; 4] {
    let path = std::env::current_exe().unwrap().to_str().unwrap().to_owned();
    [path, "a_program".to_owned(), "--exact".to_owned(), "--nocapture".to_owned()]
}

fn program_command(what: &str) -> Command {
    let [path, arguments @ ..] = program();
    let mut command = Command::new(path);
    command.args(arguments).env(PROGRAM, what);
    command
}

/// Not a test, but the programs that the tests record.
#[test]
fn a_program() {
    match std::env::var(PROGRAM).as_deref() {
        Ok("parent") => {
            event!(family::parent, number: u32 = 1);
            let status = program_command("child").status().unwrap();
            assert!(status.success());
            std::process::exit(7);
        }
        Ok("child") => {
            event!(family::child, text: &str = "of the child");
            event!(Debug, family::detail, number: u32 = 3);
        }
        Ok("large") => {
            event!(sizes::small, number: u32 = 1);
            let half = vec![0; 40_000];
            event!(sizes::large, first: &[u8] = &half, second: &[u8] = &half);
        }
        Ok("endless") => loop {
            event!(endless::event, number: u32 = 1);
            event!(endless::other, number: u32 = 2);
            std::thread::sleep(Duration::from_micros(100));
        },
        _ => {}
    }
}

fn lines(text: &str) -> usize {
    text.lines().count()
}

#[test]
fn a_program_and_its_children_are_recorded_and_its_status_is_passed_on() {
    let home = Home::new("record");
    let record = |options: &[&str]| {
        let program = program();
        let mut arguments = vec!["record"];
        arguments.extend(options);
        arguments.push("--");
        arguments.extend(program.iter().map(String::as_str));
        home.command(&arguments).env(PROGRAM, "parent").output().unwrap()
    };
    let output = record(&["-o", "all"]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let left = std::fs::read_dir(home.path.join("perseq/programs")).unwrap();
    assert_eq!(left.count(), 0, "of programs that have ended");
    assert!(String::from_utf8_lossy(&output.stderr).contains("3 events in "), "{output:?}");
    let text = home.prints(&["print", "all"]);
    assert_eq!(lines(&text), 3);
    assert!(
        text.contains("family:child: ")
            && text.contains("text = \"of the child\"")
            && text.contains("vpid = "),
        "{text}"
    );
    assert_eq!(lines(&home.prints(&["print", "all", "-e", "*:parent", "--time", "cycles"])), 1);
    let json: serde_json::Value = serde_json::from_str(&home.prints(&["export", "all"])).unwrap();
    assert_eq!(json["traceEvents"].as_array().unwrap().len(), 3);
    assert_eq!(home.prints(&["export", "all", "-o", "file.json"]), "");
    assert_eq!(
        std::fs::read_to_string(home.path.join("file.json")).unwrap(),
        home.prints(&["export", "all"])
    );

    record(&[
        "-o",
        "some",
        "-e",
        "family:*",
        "-d",
        "*:parent",
        "--level",
        "INFO",
        "--context",
        "none",
        "--ctf2",
    ]);
    let text = home.prints(&["print", "some"]);
    assert!(lines(&text) == 1 && text.contains("family:child") && !text.contains("vpid"), "{text}");
    assert!(std::fs::read(home.path.join("some/metadata")).unwrap().starts_with(b"\x1e{"));

    let again = record(&["-o", "all"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("/all already: name another folder"),
        "{again:?}"
    );
    assert_eq!(home.prints(&["list"]), "no session, and no program that listens\n");
}

#[test]
fn what_runs_is_attached_to_and_controlled() {
    let home = Home::new("attach");
    let program = home.start(program_command("endless").env("PERSEQ_TRACE", "listen"));
    let process = program.0.id();
    assert!(eventually(Duration::from_secs(20), || home
        .prints(&["list", "--events"])
        .contains("endless:event")));
    let attach = &[
        "attach",
        "-o",
        "trace",
        "--overwrite",
        "-n",
        "mine",
        "-e",
        "endless:event",
        "--buffer-size",
        "256KiB",
    ];
    let mut reader = home.start(&mut home.command(attach));
    let is_recorded = || home.prints(&["list"]).contains(&format!("records {process}"));
    assert!(eventually(Duration::from_secs(20), is_recorded));
    let shows = |folder: &str| {
        home.prints(&["snapshot", "-o", folder]);
        home.prints(&["print", folder])
    };
    assert!(eventually(Duration::from_secs(20), || !shows(&unused()).is_empty()));
    assert!(!shows("before").contains("endless:other"));
    home.prints(&["enable", "*:other"]);
    assert!(eventually(Duration::from_secs(20), || shows(&unused()).contains("endless:other")));
    home.prints(&["disable", "*:other", "--session", "mine"]);
    let json = home.prints(&["list", "--json"]);
    let said: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&said[0]["session"], &said[0]["mode"], &said[1]["process"]),
        (&"mine".into(), &"overwrite".into(), &process.into())
    );

    // A reader that is killed can be gone on with, or its session ended.
    reader.signal(libc::SIGKILL);
    reader.0.wait().unwrap();
    assert!(home.prints(&["list"]).contains("perseq trace resume mine"));
    assert!(home.fails(&["stop", "mine"]).contains("recover"));
    let mut reader = home.start(&mut home.command(&["resume", "mine"]));
    assert!(eventually(Duration::from_secs(20), || home.prints(&["list"]).contains("read by process")));
    assert!(home.fails(&["recover"]).contains("reads the rings"));
    home.prints(&["stop"]);
    assert!(reader.0.wait().unwrap().success());
    assert!(home.prints(&["print", "trace"]).contains("endless:event"));

    let mut reader = home.start(&mut home.command(&["attach", "-o", "again", "--pid", &process.to_string()]));
    assert!(eventually(Duration::from_secs(20), is_recorded));
    reader.signal(libc::SIGKILL);
    reader.0.wait().unwrap();
    assert!(home.says(&["recover", "again"]).contains(" more events in "));
    assert!(lines(&home.prints(&["print", "again"])) > 0);

    let mut nobody = home.command(&["attach", "-o", "nothing", "--pid", "1"]);
    let mut nobody = Process(nobody.stderr(Stdio::piped()).spawn().unwrap());
    assert!(eventually(Duration::from_secs(20), || home.path.join("nothing/metadata").exists()));
    let mut said = std::io::BufReader::new(nobody.0.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().contains("process 1 does not listen"));
    nobody.signal(libc::SIGINT);
    assert!(nobody.0.wait().unwrap().success());

    let mut reader = home.start(&mut home.command(&["attach", "-o", "last", "--wait"]));
    assert!(eventually(Duration::from_secs(20), is_recorded));
    std::thread::sleep(Duration::from_millis(100));
    reader.signal(libc::SIGINT);
    assert!(reader.0.wait().unwrap().success());
    assert!(lines(&home.prints(&["print", "last"])) > 0);
}

/// Whether there is no session any more.
fn is_over(home: &Home) -> bool {
    std::fs::read_dir(home.path.join("perseq/sessions")).unwrap().count() == 0
}

#[test]
fn a_signal_to_the_recorder_ends_the_program_and_then_the_session() {
    let home = Home::new("signals");
    for (signal, folder) in [(libc::SIGTERM, "term"), (libc::SIGHUP, "hup")] {
        let [path, arguments @ ..] = program();
        let mut record = home.command(&["record", "-o", folder, &path]);
        let mut recorder = home.start(record.args(arguments).env(PROGRAM, "endless"));
        let is_recorded = || home.prints(&["list"]).contains("  records ");
        assert!(eventually(Duration::from_secs(20), is_recorded));
        std::thread::sleep(Duration::from_millis(100));
        recorder.signal(signal);
        assert_eq!(recorder.0.wait().unwrap().code(), Some(128 + signal));
        assert!(lines(&home.prints(&["print", folder])) > 0);
        assert!(is_over(&home));
    }
}

#[test]
fn a_signal_that_comes_while_the_program_is_started_is_not_lost() {
    let home = Home::new("early");
    for at in 0..16 {
        let folder = format!("{at}");
        let mut recorder = home.start(&mut home.command(&["record", "-o", &folder, "sleep", "30"]));
        assert!(eventually(Duration::from_secs(20), || home.path.join(&folder).join("metadata").exists()));
        std::thread::sleep(Duration::from_micros(at * 200));
        recorder.signal(libc::SIGTERM);
        assert_eq!(recorder.0.wait().unwrap().code(), Some(128 + libc::SIGTERM));
    }
}

#[test]
fn events_that_are_lost_are_told_of() {
    let home = Home::new("lost");
    let said = home.records(&["-o", "trace"], "large");
    assert!(said.contains("1 events in ") && said.contains("; 1 lost: if there was no room, see "), "{said}");
    for options in [["-o", "wait", "--wait"], ["-o", "overwrite", "--overwrite"]] {
        let said = home.records(&options, "large");
        assert!(said.ends_with("; 1 lost\n"), "{said}");
    }
    let discarded = "perseq: 1 events were discarded when this was recorded\n";
    assert_eq!(home.says(&["print", "trace"]), discarded);
    assert_eq!(home.says(&["export", "trace"]), discarded);
    home.records(&["-o", "none"], "child");
    assert_eq!(home.says(&["print", "none"]), "");
}

#[test]
fn globs_that_match_nothing_are_told_of() {
    let home = Home::new("globs");
    for wrong in ["family", "family::child", ""] {
        for arguments in [
            &["record", "-e", wrong, "true"][..],
            &["attach", "-d", wrong],
            &["enable", wrong],
            &["disable", wrong],
            &["print", "-e", wrong],
        ] {
            assert!(home.fails(arguments).contains("PROVIDER:NAME"), "{arguments:?}");
        }
    }
    let globs = ["-o", "trace", "-e", "family::*", "-e", "*:detail", "-e", "fam?ly:*"];
    let said = home.records(&globs, "child");
    let told = said.lines().filter(|line| line.contains("no event was recorded")).collect::<Vec<_>>();
    assert_eq!(told, ["perseq: no event was recorded that -e 'family::*' matches; try 'family:*'"]);
    assert_eq!(
        home.says(&["print", "trace", "-e", "*:child", "-e", "*:children"]),
        "perseq: there is no event that -e '*:children' matches\n"
    );
}

#[test]
fn who_attaches_to_nobody_is_told_so() {
    let home = Home::new("nobody");
    // What it says, and is interrupted when it has begun and something is so.
    let ends = |options: &[&str], when: &dyn Fn() -> bool| {
        let mut command = home.command(&["attach"]);
        let mut attach = Process(command.args(options).stderr(Stdio::piped()).spawn().unwrap());
        let said = std::io::BufReader::new(attach.0.stderr.take().unwrap());
        let mut said = said.lines().map(Result::unwrap);
        let mut all: Vec<String> = Vec::new();
        while !all.last().is_some_and(|line| line.contains("records to")) {
            all.push(said.next().unwrap());
        }
        assert!(eventually(Duration::from_secs(20), when));
        attach.signal(libc::SIGINT);
        all.extend(said);
        assert!(attach.0.wait().unwrap().success());
        all
    };
    let said = ends(&["-o", "nothing"], &|| true);
    assert!(said[0].contains("no program listens, or not yet"), "{said:?}");
    assert!(said.last().unwrap().contains("no program took part"), "{said:?}");

    let program = home.start(program_command("endless").env("PERSEQ_TRACE", "listen"));
    let process = program.0.id().to_string();
    assert!(eventually(Duration::from_secs(20), || home.prints(&["list"]).contains(&process)));
    let is_recorded = || home.prints(&["list"]).contains(&format!("records {process}"));
    // It takes part, though none of its events is on.
    let said = ends(&["-o", "quiet", "-e", "no:*"], &is_recorded);
    assert!(
        said[0].contains("records to") && !said.iter().any(|line| line.contains("took part")),
        "{said:?}"
    );
    let _reader = home.start(&mut home.command(&["attach", "-o", "first", "-n", "first"]));
    assert!(eventually(Duration::from_secs(20), is_recorded));
    assert!(ends(&["-o", "second"], &|| true)[0].contains("are in other sessions"));
    assert!(ends(&["-o", "third", "--pid", &process], &|| true)[0].contains("is in session first"));
}

#[test]
fn a_folder_need_not_be_named() {
    let home = Home::new("unnamed");
    assert!(home.fails(&["print"]).contains("perseq-trace-TIME"));
    let mut together: Vec<_> = (0..4).map(|_| home.start(&mut home.command(&["record", "true"]))).collect();
    assert!(together.iter_mut().all(|record| record.0.wait().unwrap().success()));
    assert_eq!(home.prints(&["print"]), "");
    home.records(&[], "child");
    assert_eq!(lines(&home.prints(&["print"])), 2);
    assert!(home.prints(&["export"]).contains("of the child"));
}

#[test]
fn who_records_need_not_be_heard() {
    let home = Home::new("unheard");
    let (reader, unheard) = std::io::pipe().unwrap();
    drop(reader);
    let record = home.command(&["record", "-o", "trace", "true"]).stderr(unheard).status().unwrap();
    assert_eq!(record.code(), Some(0));
}

/// A name that was not used.
fn unused() -> String {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    format!("snapshot-{}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
}

#[test]
fn what_cannot_be_done_is_said() {
    let home = Home::new("wrong");
    assert!(home.fails(&["stop"]).contains("there is no session"));
    assert!(home.fails(&["stop", "nobody"]).contains("there is no session nobody"));
    assert!(home.fails(&["stop", "a/../b"]).contains("is no name of a session"));
    assert!(home.fails(&["print", "nothing"]).contains("nothing"));
    assert!(home.fails(&["record", "-o", "x", "--", "no-such-program"]).contains("no-such-program"));
    assert!(!home.path.join("x").exists(), "it could not be said again");
    assert!(home.fails(&["record", "-o", "/proc/x", "--", "true"]).contains("/proc/x"));
    assert!(
        home.fails(&["record", "--context", "cpu", "--", "true"]).contains("none of pid, tid and procname")
    );
    assert!(home.fails(&["record", "--level", "loud", "--", "true"]).contains("emergency"));
    for (option, wrong, said) in [
        ("--buffer-size", "much", "buffer-size"),
        ("--buffer-size", "1GiB", "from 256 KiB to 16 MiB"),
        ("--buffer-size", "4", "from 256 KiB to 16 MiB"),
        ("--sub-buffers", "0", "2..=128"),
    ] {
        assert!(home.fails(&["record", option, wrong, "--", "true"]).contains(said), "{option} {wrong}");
    }
    assert!(home.prints(&["record", "-o", "nothing", "--", "true"]).is_empty());
    // Left by a recorder that was killed before it had begun.
    let left = home.path.join("perseq/sessions/left");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("rings"), "").unwrap();
    home.prints(&["record", "-n", "left", "-o", "y", "true"]);
    std::fs::create_dir(&left).unwrap();
    std::fs::File::open(&left).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    home.prints(&["record", "-o", "z", "true"]);
    assert!(!left.exists(), "what cannot be gone on with is removed by the next");
    let trace = Path::new("nothing/cpu_0");
    std::fs::write(home.path.join(trace), "not a packet, but long enough to look like one: ".repeat(3))
        .unwrap();
    assert!(home.fails(&["print", "nothing"]).contains("damaged at byte 0"));

    // A folder that others can enter is none for sessions.
    use std::os::unix::fs::PermissionsExt;
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(home.path.join("perseq"), open).unwrap();
    assert!(home.fails(&["list"]).contains("nobody else may enter"));
}
