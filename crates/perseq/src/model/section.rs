//! A section as a model runs it: the machine that `sequence!` lowers to for it.
//!
//! Each operation first lets the model decide what happens before it. `None` means that the section was aborted or refused, as it
//! does for the section that a processor runs.

use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};

use super::run::{self, Run};
use crate::section::{Slots, UNMADE, Word, copy};

/// One attempt.
#[derive(Debug)]
pub struct Section {
    name: &'static str,
    cpu: u32,
}

impl Section {
    /// Begins an attempt, if the calling thread is one of a model.
    #[must_use]
    pub fn begin(name: &'static str) -> Option<Self> {
        run::with(Run::begin).map(|cpu| Self { name, cpu })
    }

    /// Finds the slot of the CPU, and passes its gate; or the one item that all CPUs share. (What is there is told by those who change it.)
    pub fn enter<S: Slots>(&mut self, slots: &S) -> Option<u64> {
        run::with(|run| run.operate(self.name, "enter", ""))??;
        let base = slots.base();
        if !S::PER_CPU {
            return Some(base.expose_provenance() as u64);
        }
        if !S::GATED && base.addr() == UNMADE {
            run::with(|run| run.refuse("there are no slots yet"));
            return None;
        }
        let at = base.wrapping_add((self.cpu as usize) << S::SHIFT);
        run::with(|run| run.touch(base.addr(), at.addr(), S::VALUE_OFFSET + size_of::<S::Item>()));
        if S::GATED {
            // SAFETY: every slot that a CPU number can name begins with a gate that can be read.
            let gate = unsafe { u32::load(at.cast()) };
            if gate != crate::percpu::OPEN {
                run::with(|run| run.refuse("the gate is closed"));
                return None;
            }
        }
        Some(at.expose_provenance() as u64)
    }

    /// The CPU it runs on.
    #[must_use]
    pub fn cpu(&self) -> u64 {
        u64::from(self.cpu)
    }

    /// The number of its slot. (The concurrency id of a logical thread is its CPU.)
    #[must_use]
    pub fn slot_number(&self) -> u64 {
        u64::from(self.cpu)
    }

    /// Loads a word.
    pub fn load(&mut self, at: u64, kind: Kind, what: &'static str) -> Option<u64> {
        run::with(|run| run.operate(self.name, "load", what))??;
        let from = with_exposed_provenance::<u8>(address(at));
        // SAFETY: what the section of a processor loads at this point, a word that is valid and aligned by the checks of
        // `sequence!` or the promise of the caller of an `unsafe fn`.
        let word = unsafe {
            match kind.bytes {
                1 => u64::from(u8::load(from)),
                2 => u64::from(u16::load(from.cast())),
                4 => u64::from(u32::load(from.cast())),
                _ => u64::load(from.cast()),
            }
        };
        let value = kind.canonical(word);
        run::with(|run| run.loaded(value, kind.pointer));
        Some(value)
    }

    /// A staged store.
    pub fn stage(&mut self, at: u64, kind: Kind, value: u64, what: &'static str) -> Option<()> {
        run::with(|run| run.operate(self.name, "stage", what))??;
        // SAFETY: as in `load`.
        unsafe { store(at, kind, value) };
        Some(())
    }

    /// The commit.
    pub fn commit(&mut self, at: u64, kind: Kind, value: u64, what: &'static str) -> Option<()> {
        run::with(|run| run.operate(self.name, "commit", what))??;
        // SAFETY: as in `load`.
        unsafe { store(at, kind, value) };
        Some(())
    }

    /// Copies bytes upwards, at most eight at once.
    pub fn copy(&mut self, dst: u64, src: u64, len: u64) -> Option<()> {
        let mut done = 0;
        while done < len {
            run::with(|run| run.operate(self.name, "copy", ""))??;
            let bytes = address((len - done).min(8));
            let (from, to) = (address(src.wrapping_add(done)), address(dst.wrapping_add(done)));
            // SAFETY: both ranges are the promise of the caller of this `unsafe fn`.
            unsafe { copy(with_exposed_provenance_mut(to), with_exposed_provenance(from), bytes) };
            done += bytes as u64;
        }
        Some(())
    }

    /// Reads a clock, which never gives the same twice.
    pub fn clock(&mut self, what: &'static str) -> Option<u64> {
        run::with(|run| run.operate(self.name, "read", what))??;
        run::with(Run::clock)
    }

    /// The end, by whatever exit.
    pub fn leave(self, exit: u32, results: &[(u64, bool)]) {
        run::with(|run| run.leave(told(exit, results)));
    }
}

/// An address as this target has them.
fn address(bits: u64) -> usize {
    // Values are registers of 64 bits; addresses in them are as wide as the target's.
    bits as usize
}

/// # Safety
/// The place must be valid for a store of so many bytes, and aligned to them.
unsafe fn store(at: u64, kind: Kind, value: u64) {
    use core::sync::atomic::Ordering::Relaxed;
    let to = with_exposed_provenance_mut::<u8>(address(at));
    // SAFETY: the caller's promise. The low bytes of the register are the word.
    unsafe {
        match kind.bytes {
            1 => u8::store(to, value as u8, Relaxed),
            2 => u16::store(to.cast(), value as u16, Relaxed),
            4 => u32::store(to.cast(), value as u32, Relaxed),
            _ => u64::store(to.cast(), value, Relaxed),
        }
    }
    run::with(|run| run.stored(address(at), kind.canonical(value), kind.pointer));
}

/// A sequence on its slow path.
#[derive(Debug)]
pub struct SlowPath {
    before: u64,
}

impl SlowPath {
    /// Before its section is attempted again.
    #[must_use]
    pub fn begin() -> Self {
        Self { before: run::with(|run| run.history()).unwrap_or(0) }
    }

    /// It has ended, by an exit and with results as a section has them.
    pub fn end(self, exit: u32, results: &[(u64, bool)]) {
        run::with(|run| run.settle(self.before, told(exit, results)));
    }
}

fn told(exit: u32, results: &[(u64, bool)]) -> impl Iterator<Item = (u64, bool)> {
    core::iter::once((exit.into(), false)).chain(results.iter().copied())
}

/// What a register holds.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub bytes: usize,
    pub signed: bool,
    pub pointer: bool,
}

impl Kind {
    /// The low bytes of a register, extended to all of it.
    #[must_use]
    pub fn canonical(self, value: u64) -> u64 {
        let unused = 64 - 8 * self.bytes as u32;
        if self.signed {
            ((value << unused).cast_signed() >> unused).cast_unsigned()
        } else {
            value << unused >> unused
        }
    }
}
