//! Less work where everything takes longer: on machines that are emulated, `PERSEQ_SAMPLE` says how much less.

/// One in how many of what is done often is done.
#[must_use]
pub fn sample() -> usize {
    std::env::var("PERSEQ_SAMPLE").ok().and_then(|sample| sample.parse().ok()).unwrap_or(1).max(1)
}

/// That many, or the part of them that is done here; `least` at least.
#[must_use]
pub fn some_of(all: u64, least: u64) -> u64 {
    (all / sample() as u64).max(least.min(all))
}
