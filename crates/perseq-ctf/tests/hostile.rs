//! Garbage, truncated and hostile traces: errors or events, and never a panic, nor endless work.
//!
//! What the fuzzer found interesting (`fuzz/corpus/reader`), as it is, cut off, and changed, on the stable toolchain and in a moment.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::{Folder, record, types, write};
use perseq_ctf::print::{Printer, Time};
use perseq_ctf::{Error, Trace, Version, read_from_memory};

/// Types, a NUL, the length of the first of two streams, and both, as in `fuzz/targets/reader.rs`.
fn read(input: &[u8]) -> usize {
    let Some(nul) = input.iter().position(|byte| *byte == 0) else { return 0 };
    let (types, rest) = (&input[..nul], &input[nul + 1..]);
    let Some((length, streams)) = rest.split_first_chunk() else { return 0 };
    let length = usize::from(u16::from_le_bytes(*length)).min(streams.len());
    let (one, other) = streams.split_at(length);
    let mut printer = Printer::new(Time::Date).lengths(true);
    let mut events = 0;
    let _ = read_from_memory(types, &[one, other], |event| {
        let Ok(event) = event else { return };
        assert!(event.context().chain(event.fields()).all(|value| value.is_ok()));
        printer.print(&event, &mut std::io::sink()).expect("a sink");
        events += 1;
    });
    events
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/reader");
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("its content")).collect()
}

#[test]
fn the_corpus_is_read() {
    let corpus = corpus();
    let events = corpus.iter().filter(|input| read(input) > 0).count();
    assert!(events > 20, "{events} of {} inputs have events", corpus.len());
}

#[test]
fn bytes_may_be_anything() {
    let until = Instant::now() + Duration::from_secs(2);
    // Numbers that are as good as random, and the same each time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for mut input in corpus().into_iter().filter(|input| !input.is_empty()).cycle().take(50_000) {
        for _ in 0..1 + next() % 4 {
            let at = next() % input.len();
            input[at] = next() as u8;
        }
        read(&input[..next() % (input.len() + 1)]);
        read(&input);
        if Instant::now() > until {
            break;
        }
    }
}

/// The numbers of events that are read before and after an error, and the error.
fn outcome(folder: &Folder) -> (usize, Option<String>, usize) {
    let trace = Trace::open(&folder.0).expect("its types are whole");
    let (mut before, mut error, mut after) = (0, None, 0);
    for event in trace.events().expect("its streams") {
        match event {
            Ok(_) if error.is_none() => before += 1,
            Ok(_) => after += 1,
            Err(found) => {
                assert!(error.replace(found.to_string()).is_none(), "one error, where a stream ends")
            }
        }
    }
    (before, error, after)
}

fn two_streams() -> Folder {
    let types = types(2);
    let records: Vec<_> =
        (0..200).map(|at| record(at % 2, u64::from(at) * 10, at % 2, "some text")).collect();
    write(&types, &records, Version::V1_8, 500)
}

#[test]
fn a_stream_may_be_cut_off_anywhere() {
    let folder = two_streams();
    let path = folder.0.join("cpu_1");
    let whole = std::fs::read(&path).expect("a stream");
    let ends: Vec<_> = {
        let mut streams = Trace::open(&folder.0).expect("a trace").packets().expect("its streams");
        streams.swap_remove(1).map(|packet| packet.map(|packet| packet.offset)).collect::<Result<_, _>>()
    }
    .expect("packets");
    for len in (0..whole.len()).step_by(7).chain(ends.iter().map(|end| *end as usize)) {
        std::fs::write(&path, &whole[..len]).expect("a shorter stream");
        let (before, error, after) = outcome(&folder);
        assert!(before + after >= 100, "the other stream is whole");
        let whole_packets = ends.contains(&(len as u64));
        assert_eq!(error.is_none(), whole_packets, "{len}: {error:?}");
        assert!(error.is_none_or(|error| error.contains("cpu_1") && error.contains("cut off")));
    }
}

#[test]
fn what_is_wrong_is_said() {
    for (at, bytes, expected) in [
        (0, vec![0; 4], "magic number"),
        (4, vec![0; 16], "another trace"),
        (20, vec![1], "unknown kind of stream"),
        (24, vec![255; 8], "ends before it begins"),
        (32, vec![255; 8], "too late"),
        (40, vec![1], "whole bytes"),
        (40, vec![248, 255, 255, 255, 255, 255, 255, 255], "makes no sense"),
        (40, vec![8, 0, 0, 0, 0, 0, 0, 0], "makes no sense"),
        (48, 0x1000_0000_u64.to_le_bytes().to_vec(), "makes no sense"),
        (48, 0x100_0000_u64.to_le_bytes().to_vec(), "cut off"),
        (76, vec![30], "no event of that id"),
        (76, vec![0, 255, 255, 255], "time of an event"),
        (88, vec![255; 2], "fields of an event are malformed"),
    ] {
        let folder = two_streams();
        let path = folder.0.join("cpu_0");
        let mut stream = std::fs::read(&path).expect("a stream");
        stream[at..at + bytes.len()].copy_from_slice(&bytes);
        std::fs::write(&path, &stream).expect("a stream");
        let (before, error, after) = outcome(&folder);
        let error = error.unwrap_or_default();
        if cfg!(target_endian = "little") {
            assert!(error.contains(expected), "{expected} at {at}: {error:?}");
            assert_eq!(before + after, 100, "the other stream is whole: {expected}");
        }
    }
}

#[test]
fn folders_that_are_no_traces_are_refused() {
    let folder = Folder::new();
    assert!(matches!(Trace::open(&folder.0), Err(Error::NoTrace(_))));
    std::fs::create_dir(&folder.0).expect("a folder");
    assert!(matches!(Trace::open(&folder.0), Err(Error::NoTrace(_))));
    for text in ["", "{}", "[1]", "{\"version\":1}", &"[".repeat(100_000)] {
        std::fs::write(folder.0.join(".perseq.json"), text).expect("a file");
        assert!(matches!(Trace::open(&folder.0), Err(Error::Damaged(..))));
    }
}
