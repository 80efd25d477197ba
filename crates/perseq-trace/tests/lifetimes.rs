//! Events before `main`, and in the destructors of a thread.
#![cfg(all(target_os = "linux", not(miri)))]

use std::path::PathBuf;
use std::process::Command;

use perseq_ctf::Trace;
use perseq_tests::limit::Limit;
use perseq_trace::{Mode, Programs, Session, event};

/// What the program that a test starts is to do.
const ROLE: &str = "PERSEQ_TEST_ROLE";

extern "C" fn constructor() {
    if std::env::var_os(ROLE).is_some() {
        event!(lifetimes::constructed, number: u32 = 1);
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;

struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        event!(lifetimes::destroyed, number: u32 = 3);
    }
}

thread_local! {
    static LAST: Last = const { Last };
}

extern "C" fn of_a_key(_: *mut libc::c_void) {
    event!(lifetimes::key_destroyed, number: u32 = 4);
}

#[test]
fn constructors_and_destructors_record() {
    const NAME: &str = "constructors_and_destructors_record";
    let names = ["constructed", "main", "destroyed", "key_destroyed"];
    if std::env::var_os(ROLE).is_some() {
        event!(lifetimes::main, number: u32 = 2);
        let thread = std::thread::spawn(|| {
            let mut key = 0;
            // SAFETY: a key of its own, whose destructor may be called with any value.
            unsafe {
                assert_eq!(libc::pthread_key_create(&raw mut key, Some(of_a_key)), 0);
                assert_eq!(libc::pthread_setspecific(key, std::ptr::dangling()), 0);
            }
            LAST.with(|_| ());
        });
        return thread.join().unwrap();
    }
    let _limit = Limit::start(std::time::Duration::from_secs(60), NAME);
    let folder = PathBuf::from(format!("/dev/shm/perseq-trace-lifetimes-{}", std::process::id()));
    let session =
        Session::builder(&folder).enable("lifetimes:*").mode(Mode::Block).programs(Programs::Started);
    let session = session.context(&perseq_trace::Context::ALL).start().unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap());
    program
        .args([NAME, "--exact", "--test-threads=1"])
        .env(ROLE, "program")
        .env("PERSEQ_TRACE", session.place());
    let output = program.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    session.stop().unwrap();
    let trace = Trace::open(&folder).unwrap();
    let found: Vec<_> =
        trace.events().unwrap().map(|event| event.unwrap().event_type().name.to_string()).collect();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(found, names);
}
