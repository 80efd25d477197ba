//! Whatever the types and streams of a trace are: errors, or events of which all can be asked.
//!
//! The input is the types, a NUL, and two streams with the length of the first before them; nothing if it has no NUL.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perseq_ctf::print::{Printer, Time};
use perseq_ctf::{chrome, read_from_memory};

fuzz_target!(|input: &[u8]| {
    let Some(nul) = input.iter().position(|byte| *byte == 0) else { return };
    let (types, rest) = (&input[..nul], &input[nul + 1..]);
    let Some((length, streams)) = rest.split_first_chunk() else { return };
    let length = usize::from(u16::from_le_bytes(*length)).min(streams.len());
    let (one, other) = streams.split_at(length);
    let mut printer = Printer::new(Time::Date).lengths(true);
    let _ = read_from_memory(types, &[one, other], |event| {
        let Ok(event) = event else { return };
        assert!(event.context().chain(event.fields()).all(|value| value.is_ok()));
        printer.print(&event, &mut std::io::sink()).expect("a sink");
        chrome::export([Ok(event)], chrome::by_suffix, std::io::sink()).expect("a sink");
    });
});
