//! perseq-trace: rings of events, of which each consists of equal bytes and says how long it is.

use std::sync::atomic::{AtomicU64, Ordering};

use perseq_trace::emit::{self, LARGEST, SLOW_CLOCK};
use perseq_trace::ring::{self, Emitted, MARK, Producers, Ring, Rings};

/// Words of a sub-buffer, at most.
const SUB: usize = 1024;
/// Words of an event for which no register is needed.
const LONG: usize = 40;

/// The rings of a tracer, with each way of recording in one place.
#[derive(Debug)]
pub struct Trace(Rings);

/// What was read of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was recorded.
    pub time: u64,
    /// Words after the time.
    pub words: usize,
    /// Of which its payload consists; `None` if that is torn.
    pub fill: Option<u8>,
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

impl Trace {
    /// Words of an event that is too large for a tracer.
    pub const TOO_MANY: u32 = (LARGEST / 8) as u32 + 2;

    /// Rings that are closed.
    ///
    /// # Panics
    /// If there can be none.
    #[must_use]
    pub fn new() -> Self {
        Self(Rings::memfd(8).expect("memory that is shared"))
    }

    /// Begins the ring of `cpu` anew, of `size` bytes in sub-buffers of `sub`, with so many bytes `left` in the first one.
    ///
    /// # Panics
    /// If the ring cannot be had.
    pub fn begin(&self, cpu: u32, size: u64, sub: u64, left: u64) {
        assert!(sub as usize <= SUB * 8 && left <= sub && size.is_power_of_two());
        self.0.common().size.store(size, Ordering::Relaxed);
        let begun = self.0.exclusive(cpu, |ring| {
            let limit = ring.limit.next_multiple_of(size) + sub;
            (ring.head, ring.limit, ring.mask, ring.sub) = (limit - left, limit, size - 1, sub);
            (ring.reader.tail, ring.last) = (ring.head, 0);
        });
        begun.expect("a ring");
    }

    /// Records an event of a time and one word.
    #[inline(never)]
    pub fn record_word(&self, fill: u8) {
        emit::record_in(&self.0, 1, 4, put(fill, 4));
    }

    /// Records an event of a time and `words` further ones, of which [`TOO_MANY`](Self::TOO_MANY) are lost.
    #[inline(never)]
    pub fn record_words(&self, words: u32, fill: u8) {
        let size = words as usize * 8 - 4;
        emit::record_in(&self.0, words, size, put(fill, size));
    }

    /// As [`record_words`](Self::record_words), with a clock that is read outside of sections.
    #[inline(never)]
    pub fn record_slowly(&self, words: u32, fill: u8) {
        let size = words as usize * 8 - 4;
        emit::record_in(&self.0, words | SLOW_CLOCK, size, put(fill, size));
    }

    /// Records one of `len` bytes after the time, where a tracer rounds up: the last ones are of no whole word.
    #[inline(never)]
    pub fn emit_odd(&self, len: usize, fill: u8) -> Emitted {
        let rest = rest((len / 8) as u32, fill);
        // SAFETY: there are so many bytes.
        unsafe { ring::emit_bytes(Producers::of(&self.0), rest[..len.div_ceil(8)].as_ptr(), len) }
    }

    /// The same, with this time.
    #[inline(never)]
    pub fn emit_odd_at(&self, len: usize, fill: u8, now: u64) -> Emitted {
        let rest = rest((len / 8) as u32, fill);
        // SAFETY: there are so many bytes.
        unsafe { ring::emit_at(Producers::of(&self.0), rest[..len.div_ceil(8)].as_ptr(), len, now) }
    }

    /// Records an event of a time and one word by plain loads and stores, if there is room in the sub-buffer.
    pub fn record_unprotected(&self, fill: u8) {
        let ring = self.ring(perseq::cpu::current());
        let head = ring.head.load(Ordering::Relaxed);
        if head + 16 > ring.limit.load(Ordering::Relaxed) {
            return self.record_word(fill);
        }
        ring.word(head).store(perseq::section::tsc(), Ordering::Relaxed);
        ring.word(head + 8).store(rest(1, fill)[0], Ordering::Relaxed);
        ring.head.store(std::hint::black_box(head) + 16, Ordering::Release);
    }

    /// Whether the next event of `cpu` is one of whole words, as those of tracers are.
    #[must_use]
    pub fn is_aligned(&self, cpu: u32) -> bool {
        self.ring(cpu).head.load(Ordering::Relaxed).is_multiple_of(8)
    }

    /// The rings themselves.
    pub fn rings(&self) -> &Rings {
        &self.0
    }

    /// Events that were lost on any CPU.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let of_rings =
            (0..self.0.slots()).map(|cpu| self.ring(cpu).lost.load(Ordering::Relaxed)).sum::<u64>();
        of_rings + self.0.common().lost.load(Ordering::Relaxed)
    }

    /// Takes out what is in the ring of `cpu`. Async-signal-safe if `f` is; nobody else reads it meanwhile.
    pub fn read(&self, cpu: u32, mut f: impl FnMut(Event)) {
        let ring = self.ring(cpu);
        let head = ring.head.load(Ordering::Acquire);
        let mut tail = ring.tail.load(Ordering::Relaxed);
        while tail < head {
            let end = head.min((tail / ring.sub + 1) * ring.sub);
            let (mut words, count) = ([0; SUB], (end - tail) as usize / 8);
            for (at, word) in (tail..).step_by(8).zip(&mut words[..count]) {
                *word = ring.word(at).load(Ordering::Relaxed);
            }
            tail = end;
            ring.tail.store(tail, Ordering::Release);
            let mut rest = &words[..count];
            while let [time, event @ ..] = rest
                && *time != MARK
            {
                let length = event.first().map_or(0, |first| (first & 0xffff_ffff) as usize);
                let whole = (1..=event.len()).contains(&length);
                let fill = whole.then(|| filled(&event[..length])).flatten();
                f(Event { time: *time, words: length, fill });
                rest = event.get(length.max(1)..).unwrap_or_default();
            }
        }
    }

    /// Whether what must always hold holds of the ring of `cpu`; `None` if it cannot be had.
    #[must_use]
    pub fn is_whole(&self, cpu: u32) -> Option<bool> {
        let whole = |ring: &mut Ring| {
            let (head, limit, tail) = (ring.head, ring.limit, ring.reader.tail);
            tail <= head && head <= limit && limit % ring.sub == 0 && limit - tail <= ring.mask + 1
        };
        self.0.exclusive(cpu, |ring| whole(ring)).ok()
    }

    fn ring(&self, cpu: u32) -> Words<'_> {
        let ring = self.0.item(cpu).expect("a CPU").as_ptr();
        // SAFETY: words of a slot, which sections change at once; the last ones are changed by `begin` only.
        unsafe {
            Words {
                head: AtomicU64::from_ptr(&raw mut (*ring).head),
                limit: AtomicU64::from_ptr(&raw mut (*ring).limit),
                lost: AtomicU64::from_ptr(&raw mut (*ring).lost),
                tail: AtomicU64::from_ptr(&raw mut (*ring).reader.tail),
                data: (&raw mut (*ring).data.0).cast(),
                mask: (*ring).mask,
                sub: (*ring).sub,
            }
        }
    }
}

/// A ring, as others see it.
struct Words<'t> {
    head: &'t AtomicU64,
    limit: &'t AtomicU64,
    lost: &'t AtomicU64,
    tail: &'t AtomicU64,
    data: *mut u64,
    mask: u64,
    sub: u64,
}

impl<'t> Words<'t> {
    fn word(&self, at: u64) -> &'t AtomicU64 {
        // SAFETY: the mask keeps it in the ring, whose words sections store at once.
        unsafe { AtomicU64::from_ptr(self.data.add((at & self.mask) as usize / 8)) }
    }
}

/// Writes the payload.
#[inline(always)]
fn put(fill: u8, size: usize) -> impl FnOnce(*mut u8) {
    // SAFETY: so many bytes are asked for.
    move |at| unsafe { at.write_bytes(fill, size) }
}

/// What follows the time, with room for more.
fn rest(words: u32, fill: u8) -> [u64; LONG] {
    let filling = u64::from_ne_bytes([fill; 8]);
    let mut rest = [filling; LONG];
    rest[0] = filling << 32 | u64::from(words);
    rest
}

/// What an event consists of, if it is whole.
fn filled(words: &[u64]) -> Option<u8> {
    let fill = (words[0] >> 32) as u8;
    let expected = u64::from_ne_bytes([fill; 8]);
    let first = words[0] >> 32 == expected >> 32;
    (first && words[1..].iter().all(|word| *word == expected)).then_some(fill)
}
