//! What is in the memory that the threads of a model share, as a hash without addresses.

use core::cell::Cell;
use core::hash::Hasher;
use core::mem::MaybeUninit;
use std::collections::BTreeMap;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Names of slots, by the address of the first.
    slots: BTreeMap<usize, u64>,
    /// How many slots had names so far.
    made: u64,
    /// Slots that were touched, by address.
    touched: BTreeMap<usize, Slot>,
    /// Names of other addresses.
    names: BTreeMap<u64, u64>,
    /// Words outside of all slots, by address.
    words: BTreeMap<usize, u64>,
    /// The hash of those.
    sum: Cell<u64>,
    /// Where objects lie that are known beforehand, by address: the length and the name of each such place.
    regions: BTreeMap<usize, (usize, u64)>,
}

#[derive(Debug)]
struct Slot {
    /// Address of the first.
    of: usize,
    name: u64,
    bytes: usize,
}

/// Numbers below are no addresses of objects.
const PAGE: u64 = 4096;

impl Memory {
    /// Slots were made, by a thread with this history.
    pub(super) fn made(&mut self, base: usize, by: u64) {
        self.made += 1;
        self.slots.insert(base, mix(by, self.made));
    }

    /// They are gone.
    pub(super) fn freed(&mut self, base: usize) {
        self.slots.remove(&base);
        self.touched.retain(|_, slot| slot.of != base);
    }

    /// A slot of those at `base` is about to be changed.
    pub(super) fn touch(&mut self, base: usize, at: usize, bytes: usize) {
        if !self.slots.contains_key(&base) {
            // Made before the model was.
            self.made(base, 0);
        }
        // The distance tells the number of the slot.
        let name = mix(self.slots[&base], (at - base) as u64);
        self.touched.entry(at).or_insert(Slot { of: base, name, bytes });
    }

    /// Objects will be at these addresses, by a thread with this history.
    pub(super) fn region(&mut self, start: usize, len: usize, by: u64) {
        let name = mix(by, self.regions.len() as u64 ^ 11);
        self.regions.insert(start, (len, name));
    }

    /// A value without addresses. A pointer that has no name gets one, from where it was seen first.
    pub(super) fn name(&mut self, value: u64, pointer: bool, by: u64) -> u64 {
        match self.find(value) {
            Some(name) => name,
            None if pointer => {
                let name = mix(by, self.names.len() as u64);
                self.names.insert(value, name);
                name
            }
            None => value,
        }
    }

    fn find(&self, value: u64) -> Option<u64> {
        if value < PAGE {
            return Some(value);
        }
        if let Some(&name) = self.names.get(&value) {
            return Some(name);
        }
        let at = usize::try_from(value).ok()?;
        let region = self.regions.range(..=at).next_back();
        let region = region.map(|(start, (len, name))| (*name, at - start, *len));
        let region = region.and_then(|(name, offset, len)| (offset < len).then_some((name, offset)));
        self.slot(at).or(region).map(|(name, offset)| mix(name, offset as u64))
    }

    /// The slot in which an address is, and where in it.
    fn slot(&self, at: usize) -> Option<(u64, usize)> {
        let (start, slot) = self.touched.range(..=at).next_back()?;
        (at - start < slot.bytes).then_some((slot.name, at - start))
    }

    /// A word that was stored has this name now. Says whether it is outside of all slots.
    pub(super) fn stored(&mut self, at: usize, name: u64) -> bool {
        let outside = self.slot(at).is_none();
        if outside {
            let place = self.name(at as u64, true, 10);
            let before = self.words.insert(at, name);
            let out = before.map_or(0, |before| mix(place, before));
            self.sum.set(self.sum.get().wrapping_sub(out).wrapping_add(mix(place, name)));
        }
        outside
    }

    /// The hash of everything.
    pub(super) fn hash(&self, clock: u64) -> u64 {
        let mut slots: u64 = 0;
        for (&at, &Slot { name, bytes, .. }) in &self.touched {
            let words = (0..bytes).step_by(8).map(|from| word(at + from, bytes - from));
            let content = words.fold(name, |content, word| mix(content, self.find(word).unwrap_or(word)));
            slots = slots.wrapping_add(content);
        }
        mix(mix(self.sum.get(), clock), slots)
    }
}

/// A word of a slot, or the bytes that are left of it, whatever they hold: padding may be among them.
fn word(at: usize, left: usize) -> u64 {
    // SAFETY: slots live as long as the run, and are aligned to words; between operations nobody changes them. The bits pass through
    // `black_box`, as a register has some value where there is none.
    unsafe {
        if left >= 8 {
            let word = core::ptr::with_exposed_provenance::<MaybeUninit<u64>>(at);
            return core::hint::black_box(word.read_volatile()).assume_init();
        }
        (0..left).fold(0, |bytes, byte| {
            let byte = core::ptr::with_exposed_provenance::<MaybeUninit<u8>>(at + byte);
            bytes << 8 | u64::from(core::hint::black_box(byte.read_volatile()).assume_init())
        })
    }
}

/// A hash of two numbers: multiplication to 128 bits, folded (after wyhash).
pub(super) fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd1b5_4a32_d192_ed03);
    (product as u64) ^ (product >> 64) as u64
}

/// For keys that are hashes already.
#[derive(Debug, Default)]
pub(super) struct Mixing(u64);

impl Hasher for Mixing {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mix(self.0, number);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}
