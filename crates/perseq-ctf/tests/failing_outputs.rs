//! Outputs that fail: what is written before is whole, and what is not written is kept or counted.

mod common;

use std::cell::RefCell;
use std::io::{self, Write};
use std::process::Command;
use std::rc::Rc;

use common::{Folder, Record, assert_is, babeltrace, record, types};
use perseq_ctf::{Directory, Output, StreamWriter, Trace, TraceType, Version, WriteError, read_from_memory};

/// Memory that is full at a size, until it is made larger.
#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    size: usize,
    /// How often cutting off will fail.
    stuck: u32,
}

#[derive(Clone, Default)]
struct Disk(Rc<RefCell<State>>);

impl Disk {
    fn new(size: usize, stuck: u32) -> Self {
        Self(Rc::new(RefCell::new(State { bytes: Vec::new(), size, stuck })))
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.borrow_mut();
        let room = state.size - state.bytes.len();
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let some = bytes.len().min(room);
        state.bytes.extend(&bytes[..some]);
        Ok(some)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Disk {
    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        if state.stuck > 0 {
            state.stuck -= 1;
            return Err(io::ErrorKind::Other.into());
        }
        Output::truncate(&mut state.bytes, len)
    }
}

fn records() -> Vec<Record> {
    (0..12).map(|at| record(0, at * 1000, (at % 3) as u32, &"text".repeat(at as usize))).collect()
}

fn side(types: &TraceType) -> Vec<u8> {
    let folder = Folder::new();
    Directory::create(&folder.0, types, Version::V1_8).expect("a new trace");
    std::fs::read(folder.0.join(".perseq.json")).expect("the types")
}

/// The events that these bytes have; they must be whole packets.
fn read<'r>(side: &[u8], bytes: &[u8], expected: impl IntoIterator<Item = &'r Record>) -> usize {
    let mut expected = expected.into_iter();
    let mut count = 0;
    read_from_memory(side, &[bytes], |event| {
        assert_is(&event.expect("whole packets"), expected.next().expect("no more events"));
        count += 1;
    })
    .expect("types");
    count
}

/// All that is written if nothing fails, with packets of a few events.
fn whole(types: &TraceType) -> Vec<u8> {
    let mut stream = StreamWriter::new(Vec::new(), types, 0, 0).packet_size(200);
    stream.discarded(2);
    records().iter().for_each(|record| record.write(types, &mut stream).expect("memory"));
    stream.finish().expect("memory");
    stream.into_output()
}

#[test]
fn a_packet_that_is_not_written_is_kept() {
    let types = types(3);
    let (side, whole, records) = (side(&types), whole(&types), records());
    assert_eq!(read(&side, &whole, &records), records.len());
    for size in 0..whole.len() {
        for stuck in [0, 1, 3] {
            let disk = Disk::new(size, stuck);
            let mut stream = StreamWriter::new(disk.clone(), &types, 0, 0).packet_size(200);
            stream.discarded(2);
            let (mut at, mut failures) = (0, 0);
            while at <= records.len() {
                let result = match records.get(at) {
                    Some(record) => record.write(&types, &mut stream),
                    None => stream.finish(),
                };
                let Err(error) = result else {
                    at += 1;
                    continue;
                };
                assert!(matches!(error, WriteError::Output(_)));
                failures += 1;
                let state = disk.0.borrow();
                let (written, _) = stream.written();
                // Whole packets, and beyond them only what could not be cut off yet.
                read(&side, &state.bytes[..written as usize], &records);
                assert!(state.bytes.len() as u64 == written || failures <= stuck);
                drop(state);
                // At last there is room again.
                if failures == 5 {
                    disk.0.borrow_mut().size = whole.len();
                }
                assert!(failures < 6, "it does not go on");
            }
            assert!(failures > 0);
            assert!(disk.0.borrow().bytes == whole, "full at {size}");
        }
    }
}

#[test]
fn a_packet_that_is_given_up_is_counted() {
    let types = types(3);
    let (side, whole, records) = (side(&types), whole(&types), records());
    for size in 0..whole.len() {
        let disk = Disk::new(size, 0);
        let mut stream = StreamWriter::new(disk.clone(), &types, 0, 0).packet_size(200);
        let (mut kept, mut unwritten, mut lost) = (Vec::new(), Vec::new(), 0);
        for record in &records {
            while record.write(&types, &mut stream).is_err() {
                // It was in the packet; all before that are written.
                let events = stream.give_up();
                assert_eq!(events, unwritten.len() as u64);
                lost += events;
                unwritten.clear();
                disk.0.borrow_mut().size = usize::MAX;
            }
            let packets = stream.written().1;
            unwritten.push(record);
            // What stands in no packet that is written now.
            if packets as usize > kept.len() {
                let last = unwritten.split_off(unwritten.len() - 1);
                kept.push(std::mem::replace(&mut unwritten, last));
            }
        }
        disk.0.borrow_mut().size = usize::MAX;
        stream.finish().expect("there is room");
        kept.push(unwritten);
        let kept: Vec<_> = kept.into_iter().flatten().collect();
        assert_eq!(kept.len() as u64 + lost, records.len() as u64);
        assert_eq!(read(&side, &disk.0.borrow().bytes, kept), records.len() - lost as usize);
    }
}

/// A small file system, while it lives.
struct Mount(Folder);

impl Mount {
    fn new(size: &str) -> Option<Self> {
        let folder = Folder::new();
        std::fs::create_dir(&folder.0).expect("a folder");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(&folder.0).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                perseq_tests::skip::skip("mount", String::from_utf8_lossy(&output.stderr).trim());
                None
            }
            Err(error) => {
                perseq_tests::skip::skip("mount", error);
                None
            }
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0.0).status();
    }
}

#[test]
fn a_full_disk_leaves_whole_packets() {
    let Some(mount) = Mount::new("size=256k") else { return };
    let types = types(3);
    let path = mount.0.0.join("trace");
    let directory = Directory::create(&path, &types, Version::V1_8).expect("a new trace");
    let ballast = mount.0.0.join("ballast");
    std::fs::write(&ballast, vec![1; 150_000]).expect("room");
    let mut stream = directory.stream(&types, 0, 0).expect("a new stream").packet_size(10_000);
    let mut records = Vec::new();
    let full = loop {
        let next = record(0, records.len() as u64 * 1000, 1, "a text of some length");
        match next.write(&types, &mut stream) {
            Ok(()) => records.push(next),
            Err(error) => break error,
        }
        assert!(records.len() < 100_000, "the disk is never full");
    };
    assert!(full.to_string().contains("packet"), "{full}");
    assert!(directory.update(&self::types(2000)).is_err(), "there is no room for more types either");
    // Now it can be read, and when there is room again it goes on.
    let count = || {
        let trace = Trace::open(&path).expect("a trace");
        trace.events().expect("its streams").collect::<Result<Vec<_>, _>>().expect("events").len()
    };
    let before = count();
    assert!(before > 0 && before < records.len());
    if let Some((out, err)) = babeltrace(&path, &[]) {
        assert_eq!((out.lines().count(), err), (before, String::new()));
    }
    std::fs::remove_file(ballast).expect("room");
    let next = record(0, records.len() as u64 * 1000, 1, "after all");
    next.write(&types, &mut stream).expect("room");
    records.push(next);
    stream.finish().expect("room");
    common::assert_holds(&path, &types, &records);
    if let Some((out, err)) = babeltrace(&path, &[]) {
        assert_eq!((out.lines().count(), err), (records.len(), String::new()));
    }
}
