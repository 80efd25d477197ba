//! What the kernel announces about `struct rseq` in the auxiliary vector.

/// `AT_RSEQ_FEATURE_SIZE`: bytes of `struct rseq` that the kernel maintains.
pub const AT_RSEQ_FEATURE_SIZE: u64 = 27;

/// `AT_RSEQ_ALIGN`: alignment of an area registered with more than 32 bytes.
pub const AT_RSEQ_ALIGN: u64 = 28;

/// Bytes of `struct rseq` maintained before the auxiliary vector spoke of it (Linux 4.18 to 6.2): up to
/// and including `flags`.
pub const LEGACY_FEATURE_SIZE: u32 = 20;

/// The feature size in bytes: 20 where the kernel announces nothing.
#[must_use]
pub fn feature_size() -> u32 {
    match entry(AT_RSEQ_FEATURE_SIZE) {
        0 => LEGACY_FEATURE_SIZE,
        size => u32::try_from(size).unwrap_or(LEGACY_FEATURE_SIZE),
    }
}

/// The alignment in bytes for areas longer than [`ORIGINAL_SIZE`](crate::ORIGINAL_SIZE): 32 where the
/// kernel announces nothing.
#[must_use]
pub fn align() -> u32 {
    match entry(AT_RSEQ_ALIGN) {
        0 => crate::ORIGINAL_ALIGN,
        align => u32::try_from(align).unwrap_or(crate::ORIGINAL_ALIGN),
    }
}

fn entry(kind: u64) -> u64 {
    // SAFETY: getauxval reads the vector that the kernel placed on the initial stack; any number is a
    // valid question and an absent entry answers 0. It may set errno, which callers restore if they
    // must (it is asked once, at initialisation).
    unsafe { libc::getauxval(kind as libc::c_ulong) as u64 }
}
