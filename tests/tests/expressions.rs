//! Every operator computes what Rust computes, for every type, in the section and on the slow path.
#![cfg(target_os = "linux")]

use perseq::{GatedIndex, PerCpu, sequence};
use perseq_tests::cases;
use perseq_tests::cpus::{Pinned, allowed, move_to};
use perseq_tests::slow_path;
use perseq_tests::words::{Integer, Slots};
use proptest::prelude::*;

/// Numbers with the edges of every width among them.
fn numbers() -> impl Strategy<Value = u64> {
    let edges = (0_u32..64, 0_u64..3, any::<bool>()).prop_map(|(bit, off, negative)| {
        let edge = (1_u64 << bit).wrapping_add(off).wrapping_sub(1);
        if negative { edge.wrapping_neg() } else { edge }
    });
    prop_oneof![any::<u64>(), edges, 0_u64..16]
}

/// Each operation of `T` on random words.
fn agrees_with_rust<T: Integer>() {
    let pinned = Pinned::first();
    let slots = Slots::<T>::new();
    let operations = T::operations();
    let words = [numbers(), numbers(), numbers(), numbers()];
    proptest!(ProptestConfig::with_cases(cases(400)), |(words in words)| {
        let [old, neighbour, a, b] = words.map(T::from_bits);
        for operation in &operations {
            slots.set(pinned.cpu, old, neighbour);
            let result = slots.run(operation, a, b);
            let found = (result, slots.get(pinned.cpu, neighbour));
            prop_assert_eq!(found, (operation.expected)(old, a, b), "{} of {:?} and {:?}", operation.name, a, b);
        }
    });
}

struct Nothing;

sequence! {
    fn is_power(_slots: &PerCpu<Nothing>, by: u8, number: u64) -> bool {
        if 1 << by == number { return true; }
        false
    }
}

#[test]
fn a_literal_has_the_type_of_what_it_is_compared_with() {
    let slots = PerCpu::new(|_cpu| Nothing);
    for (by, other) in (0..64).flat_map(|by| (0..64).map(move |other| (by, other))) {
        assert_eq!(is_power(&slots, by, 1 << other), by == other, "1 << {by} == 1 << {other}");
    }
    slow_path::passes("a_literal_has_the_type_of_what_it_is_compared_with");
}

macro_rules! tests {
    ($($int:ident $name:ident),*) => { $(
        #[test]
        fn $name() {
            agrees_with_rust::<$int>();
            slow_path::passes(stringify!($name));
        }
    )* };
}

tests! {
    u8 words_of_u8_agree_with_rust,
    u16 words_of_u16_agree_with_rust,
    u32 words_of_u32_agree_with_rust,
    u64 words_of_u64_agree_with_rust,
    usize words_of_usize_agree_with_rust,
    i8 words_of_i8_agree_with_rust,
    i16 words_of_i16_agree_with_rust,
    i32 words_of_i32_agree_with_rust,
    i64 words_of_i64_agree_with_rust,
    isize words_of_isize_agree_with_rust
}

sequence! {
    fn number<I: GatedIndex>(_slots: &PerCpu<[u64; 20], I>) -> (u32, u32) {
        let slot: u32 = slot_number();
        let cpu: u32 = cpu_id();
        (slot, cpu)
    }

    fn store<const RELEASE: bool>(slots: &PerCpu<[u64; 20]>, value: u64) {
        commit(release if RELEASE) slots[3] = value;
    }
}

#[test]
fn a_section_knows_the_number_of_its_slot() {
    let cpus = allowed();
    let _home = Pinned::first();
    let (by_cpu, by_cid) = (PerCpu::new(|_cpu| [0; 20]), PerCpu::by_cid(|_cid| [0; 20]));
    for cpu in cpus {
        if move_to(cpu) {
            assert_eq!(number(&by_cpu), (cpu, cpu));
            // A thread may change its concurrency id while it stays on its CPU.
            let same = (0..1000).any(|_| by_cid.here() == number(&by_cid).0);
            assert!(same && number(&by_cid).1 == perseq::cpu::current());
        }
    }
    slow_path::passes("a_section_knows_the_number_of_its_slot");
}

#[test]
fn a_commit_is_done_in_whichever_order_a_constant_chooses() {
    let pinned = Pinned::first();
    let slots = PerCpu::new(|_cpu| [0; 20]);
    let found = || slots.exclusive(pinned.cpu, |words| words[3]);
    store::<true>(&slots, 1);
    assert_eq!(found(), Ok(1));
    store::<false>(&slots, 2);
    assert_eq!(found(), Ok(2));
    slow_path::passes("a_commit_is_done_in_whichever_order_a_constant_chooses");
}
