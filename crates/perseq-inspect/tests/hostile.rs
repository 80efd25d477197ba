//! Garbage, truncated and hostile files: an error or sections, and never a panic, nor endless work.
//!
//! What the fuzzer found interesting (`fuzz/corpus`), as it is, cut off, and changed, on the stable toolchain and in a moment.

use std::path::Path;
use std::time::{Duration, Instant};

use perseq_inspect::{Binary, Error, Parts};

/// All that can be asked of a file, as the fuzzer does.
fn inspect(file: &[u8]) -> Result<usize, Error> {
    let binary = Binary::parse(file)?;
    let parts = Parts::default().disassembly(true);
    for section in binary.sections() {
        let report = binary.report(section);
        let _ = binary.text(&report, parts).to_string();
        let _ = binary.json(&report, parts).to_string();
        for violation in &report.violations {
            let _ = binary.place(&report, violation);
        }
    }
    Ok(binary.sections().len())
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/inspect");
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("its content")).collect()
}

#[test]
fn the_corpus_is_inspected() {
    let corpus = corpus();
    let sections =
        corpus.iter().filter_map(|file| inspect(file).ok()).filter(|sections| *sections > 0).count();
    assert!(sections > 20, "{sections} of {} files have sections", corpus.len());
}

#[test]
fn files_may_be_cut_off_anywhere() {
    let until = Instant::now() + Duration::from_secs(2);
    let corpus = corpus();
    for file in &corpus {
        // The headers at every length, the rest at some.
        let lengths = (0..128).chain((128..file.len()).step_by(257));
        for len in lengths.take_while(|_| Instant::now() < until) {
            let _ = inspect(&file[..len.min(file.len())]);
        }
    }
}

#[test]
fn bytes_may_be_anything() {
    let until = Instant::now() + Duration::from_secs(2);
    let corpus = corpus();
    // Numbers that are as good as random, and the same each time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    while Instant::now() < until && !corpus.is_empty() {
        let mut file = corpus[next() as usize % corpus.len()].clone();
        for _ in 0..=next() % 8 {
            // Headers are where most is decided.
            let bound = if next().is_multiple_of(2) { 512.min(file.len()) } else { file.len() };
            if let Some(byte) = file.get_mut(next() as usize % bound.max(1)) {
                *byte = [0, 0xff, next() as u8, *byte ^ 1 << (next() % 8)][next() as usize % 4];
            }
        }
        let _ = inspect(&file);
    }
}

/// A little-endian ELF file for x86-64 with one segment, which is the whole file, and sections of these names and contents.
fn elf(sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut file = vec![0; 64 + 56];
    let mut names = vec![0];
    let mut headers = vec![[0_u64; 8]];
    for (name, content) in sections {
        file.resize(file.len().next_multiple_of(32), 0);
        headers.push([
            names.len() as u64 | 1 << 32,
            3,
            file.len() as u64,
            file.len() as u64,
            content.len() as u64,
            0,
            1,
            0,
        ]);
        names.extend(name.bytes().chain([0]));
        file.extend(content);
    }
    headers.push([3 << 32, 0, 0, file.len() as u64, names.len() as u64, 0, 1, 0]);
    file.extend(&names);
    file.resize(file.len().next_multiple_of(8), 0);
    let at = file.len() as u64;
    headers.iter().flatten().for_each(|word| file.extend(word.to_le_bytes()));
    let count = headers.len() as u16;
    file[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file[16..24].copy_from_slice(&[2, 0, 62, 0, 1, 0, 0, 0]);
    file[32..40].copy_from_slice(&64_u64.to_le_bytes());
    file[40..48].copy_from_slice(&at.to_le_bytes());
    file[52..58].copy_from_slice(&[64, 0, 56, 0, 1, 0]);
    file[58..60].copy_from_slice(&64_u16.to_le_bytes());
    file[60..62].copy_from_slice(&count.to_le_bytes());
    file[62..64].copy_from_slice(&(count - 1).to_le_bytes());
    let len = file.len() as u64;
    let program = [1 | 7 << 32, 0, 0, 0, len, len, 4096];
    for (at, word) in program.iter().enumerate() {
        file[64 + 8 * at..72 + 8 * at].copy_from_slice(&word.to_le_bytes());
    }
    file
}

fn words(words: impl IntoIterator<Item = u64>) -> Vec<u8> {
    words.into_iter().flat_map(u64::to_le_bytes).collect()
}

/// Descriptors of sections of `len` bytes at address 4096.
fn descriptors(count: usize, len: u64) -> Vec<u8> {
    words((0..count).flat_map(|_| [0, 4096, len, 64]))
}

#[test]
fn more_than_any_program_has_is_refused() {
    assert_eq!(
        inspect(&elf(&[("__rseq_cs", descriptors(1 << 17, 64))])),
        Err(Error::TooMuch("critical sections", 1 << 15))
    );
    let code = Error::TooMuch("bytes of code in critical sections", 1 << 22);
    assert_eq!(inspect(&elf(&[("__rseq_cs", descriptors(1000, 1 << 16))])), Err(code));
    let entries = words((0..1 << 20).map(|_| 64));
    let entries = elf(&[("__rseq_cs_ptr_array", entries)]);
    assert!(matches!(inspect(&entries), Err(Error::TooMuch(..))));
    // Few sections and few exits, but each of the ones has all of the others.
    let exits = words((0..1 << 16).flat_map(|at| [4096, at]));
    let exits = elf(&[("__rseq_cs", descriptors(1 << 12, 8)), ("__rseq_exit_point_array", exits)]);
    assert!(matches!(inspect(&exits), Err(Error::TooMuch(..))));
}

#[test]
fn the_worst_that_is_not_refused_takes_a_moment() {
    // Backward branches, as many as there is room for, each of which closes a loop.
    let code: Vec<u8> = (0..1 << 15).flat_map(|_| [0xeb, 0x80]).collect();
    let file = elf(&[("__rseq_cs", descriptors(62, 1 << 16)), (".text", code)]);
    let start = Instant::now();
    assert_eq!(inspect(&file), Ok(62));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn a_well_formed_file_is_read() {
    let file = elf(&[("__rseq_cs", descriptors(1, 64)), (".text", vec![0x90; 8192])]);
    assert_eq!(inspect(&file), Ok(1));
    for nonsense in [&b""[..], b"\x7fELF", b"#!/bin/sh\n", &[0; 4096], &[0xff; 4096]] {
        assert_eq!(inspect(nonsense), Err(Error::NotElf));
    }
}
