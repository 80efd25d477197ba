//! The library's ring of bytes: records that are copied to where a release commit lets a reader find them.

use perseq::collections::ring::{self, AppendError};

/// [`ring::Ring`], with each of its sequences in one place. A record consists of equal bytes.
#[derive(Debug, Default)]
pub struct Ring<const N: usize>(ring::Ring<N>);

impl<const N: usize> Ring<N> {
    /// Empty rings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record of `len` bytes `fill` to the running CPU's ring.
    ///
    /// # Errors
    /// As [`ring::Ring::append`].
    pub fn append(&self, len: u8, fill: u8) -> Result<(), AppendError> {
        self.append_bytes(&[fill; 255][..usize::from(len)])
    }

    /// Appends a record.
    ///
    /// # Errors
    /// As [`ring::Ring::append`].
    #[inline(never)]
    pub fn append_bytes(&self, record: &[u8]) -> Result<(), AppendError> {
        self.0.append(record)
    }

    /// Takes the records of the ring of `cpu`, as lengths and fills.
    ///
    /// # Panics
    /// If a record is torn, or somebody else reads.
    pub fn drain(&self, cpu: u32) -> Vec<(u8, u8)> {
        let mut records = Vec::new();
        self.0.reader().expect("nobody else reads").read(cpu, |record| {
            let fill = record.first().copied().unwrap_or(0);
            assert!(record.iter().all(|byte| *byte == fill), "a torn record: {record:?}");
            records.push((u8::try_from(record.len()).expect("as it was appended"), fill));
        });
        records
    }

    /// The ring itself.
    pub fn inner(&self) -> &ring::Ring<N> {
        &self.0
    }
}
