//! A buffer for each CPU to which records are appended: `copy` to where a pointer in the slot points, then a release commit
//! of that pointer.
//!
//! Invariant: what lies below `end` in each buffer is a whole number of records.

use perseq::{PerCpu, sequence};

/// Bytes of a buffer.
const SIZE: usize = 512;

#[derive(Debug)]
struct Buffer {
    end: *mut u8,
    /// The address where it must end.
    limit: usize,
    start: *mut u8,
}

// SAFETY: the bytes belong to the slot, and whoever has that may use them.
unsafe impl Send for Buffer {}

sequence! {
    /// # Safety
    /// `record` must be valid for `len` bytes, and the pointers of the slots must delimit memory that is theirs.
    unsafe fn append(ring: &PerCpu<Buffer>, record: *const u8, len: usize) -> bool {
        let end: *mut u8 = ring.end;
        let after: usize = end as usize + len;
        if after > ring.limit { return false; }
        copy(end, record, len);
        commit(release) ring.end = after as *mut u8;
        true
    }
}

/// See the [module](self). A record is its length in one byte, then so many bytes.
#[derive(Debug)]
pub struct Ring(PerCpu<Buffer>);

impl Ring {
    /// Bytes of a buffer.
    pub const SIZE: usize = SIZE;

    /// Empty buffers.
    #[must_use]
    pub fn new() -> Self {
        Self(PerCpu::new(|_cpu| {
            let start = Box::into_raw(Box::new([0_u8; SIZE])).cast::<u8>();
            Buffer { end: start, limit: start.addr() + SIZE, start }
        }))
    }

    /// Appends a record of `len` bytes `fill` to the running CPU's buffer; says whether there was room.
    #[inline(never)]
    pub fn append(&self, len: u8, fill: u8) -> bool {
        let mut record = [fill; 256];
        record[0] = len;
        // SAFETY: the record is longer than its length says; the bytes of a slot live as long as that, and nothing else uses
        // them.
        unsafe { append(&self.0, record.as_ptr(), 1 + usize::from(len)) }
    }

    /// Takes the records of the buffer of `cpu`, as lengths and fills.
    ///
    /// # Panics
    /// If they are not whole records.
    pub fn drain(&self, cpu: u32) -> Vec<(u8, u8)> {
        let bytes = self.0.exclusive(cpu, |buffer| {
            let len = buffer.end.addr() - buffer.start.addr();
            buffer.end = buffer.start;
            // SAFETY: so much was copied there, and the slot is ours.
            unsafe { std::slice::from_raw_parts(buffer.start, len) }.to_vec()
        });
        records(&bytes.expect("a slot that nobody else on this thread owns"))
    }
}

fn records(mut bytes: &[u8]) -> Vec<(u8, u8)> {
    let mut records = Vec::new();
    while let [len, rest @ ..] = bytes {
        let (record, rest) = rest.split_at(usize::from(*len));
        let fill = record.first().copied().unwrap_or(0);
        assert!(record.iter().all(|byte| *byte == fill), "a torn record: {record:?}");
        records.push((*len, fill));
        bytes = rest;
    }
    records
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        for buffer in self.0.iter_mut() {
            // SAFETY: it came from such a box, and nobody uses it any more.
            drop(unsafe { Box::from_raw(buffer.start.cast::<[u8; SIZE]>()) });
        }
    }
}
