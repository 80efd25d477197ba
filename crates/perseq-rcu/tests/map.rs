//! The hash map against that of the standard library, and among threads.

mod common;

use std::collections::HashMap as StdMap;
use std::hash::RandomState;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use common::{Census, many_or_few};
use perseq_rcu::map::Change;
use perseq_rcu::{Flavor, HashMap, flavor};
use proptest::prelude::*;

fn contents<S: std::hash::BuildHasher, F: Flavor>(map: &HashMap<u8, u32, S, F>) -> Vec<(u8, u32)> {
    let mut all: Vec<_> = map.iter(&F::read()).map(|(key, value)| (*key, *value)).collect();
    all.sort_unstable();
    all
}

#[derive(Clone, Debug)]
enum Operation {
    Insert(u8, u32),
    TryInsert(u8, u32),
    GetOrInsert(u8, u32),
    Update(u8, u32),
    Toggle(u8, u32),
    Remove(u8),
    RemoveIfEven(u8),
    RetainBelow(u32),
    Clear,
    Reserve(u8),
}

fn operation() -> impl Strategy<Value = Operation> {
    let entry = || (any::<u8>(), any::<u32>());
    prop_oneof![
        12 => entry().prop_map(|(key, value)| Operation::Insert(key, value)),
        3 => entry().prop_map(|(key, value)| Operation::TryInsert(key, value)),
        3 => entry().prop_map(|(key, value)| Operation::GetOrInsert(key, value)),
        3 => entry().prop_map(|(key, value)| Operation::Update(key, value)),
        3 => entry().prop_map(|(key, value)| Operation::Toggle(key, value)),
        5 => any::<u8>().prop_map(Operation::Remove),
        3 => any::<u8>().prop_map(Operation::RemoveIfEven),
        1 => any::<u32>().prop_map(Operation::RetainBelow),
        1 => Just(Operation::Clear),
        1 => any::<u8>().prop_map(Operation::Reserve),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: many_or_few(200, 4) as u32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn one_thread_finds_what_the_standard_map_has(
        operations in prop::collection::vec(operation(), 1..many_or_few(400, 60)),
    ) {
        let map = HashMap::new();
        let mut model: StdMap<u8, u32> = StdMap::new();
        for operation in operations {
            let guard = perseq_rcu::read();
            match operation {
                Operation::Insert(key, value) => {
                    prop_assert_eq!(map.insert(key, value, &guard).copied(), model.insert(key, value));
                }
                Operation::TryInsert(key, value) => {
                    let there = model.contains_key(&key);
                    let inserted = map.try_insert(key, value, &guard).copied();
                    prop_assert_eq!(inserted, if there { Err(value) } else { Ok(value) });
                    model.entry(key).or_insert(value);
                }
                Operation::GetOrInsert(key, value) => {
                    let found = *map.get_or_insert_with(key, || value, &guard);
                    prop_assert_eq!(found, *model.entry(key).or_insert(value));
                }
                Operation::Update(key, add) => {
                    let updated = map.update(key, |value| value.wrapping_add(add), &guard).copied();
                    let expected = model.get_mut(&key).map(|value| {
                        *value = value.wrapping_add(add);
                        *value
                    });
                    prop_assert_eq!(updated, expected);
                }
                Operation::Toggle(key, new) => {
                    let change = |value: Option<&u32>| match value {
                        None if new % 3 == 0 => Change::Remove,
                        None => Change::Set(new),
                        Some(value) if value % 3 == 0 => Change::Keep,
                        Some(value) if value % 3 == 1 => Change::Set(value + 1),
                        Some(_) => Change::Remove,
                    };
                    let after = map.compute(key, change, &guard).copied();
                    match change(model.get(&key)) {
                        Change::Keep => {}
                        Change::Set(value) => {
                            model.insert(key, value);
                        }
                        Change::Remove => {
                            model.remove(&key);
                        }
                    }
                    prop_assert_eq!(after, model.get(&key).copied());
                }
                Operation::Remove(key) => {
                    prop_assert_eq!(map.remove(&key, &guard).copied(), model.remove(&key));
                }
                Operation::RemoveIfEven(key) => {
                    let removed = map.remove_if(&key, |_, value| value % 2 == 0, &guard).copied();
                    let even = model.get(&key).is_some_and(|value| value % 2 == 0);
                    prop_assert_eq!(removed, if even { model.remove(&key) } else { None });
                }
                Operation::RetainBelow(bound) => {
                    map.retain(|_, value| *value < bound);
                    model.retain(|_, value| *value < bound);
                }
                Operation::Clear => {
                    map.clear();
                    model.clear();
                }
                Operation::Reserve(more) => map.reserve(more.into()),
            }
            prop_assert_eq!(map.len(), model.len());
        }
        let mut expected: Vec<_> = model.into_iter().collect();
        expected.sort_unstable();
        prop_assert_eq!(contents(&map), expected);
    }
}

#[test]
fn keys_are_found_by_what_they_borrow() {
    let map: HashMap<String, usize> =
        ["one", "two", "three"].into_iter().map(str::to_owned).zip(1..).collect();
    let guard = perseq_rcu::read();
    assert_eq!(map.get("two", &guard), Some(&2));
    assert_eq!(map.get_key_value("three", &guard), Some((&"three".to_owned(), &3)));
    assert!(!map.contains_key("four", &guard));
    assert_eq!(map.remove("one", &guard), Some(&1));
    map.remove("two", &guard);
    assert_eq!(format!("{map:?}"), r#"{"three": 3}"#);
}

flavor! { struct Apart; }

#[test]
fn values_stay_whole_until_the_guard_is_dropped() {
    let census = Census::default();
    let map = HashMap::with_flavor(Apart);
    let guard = Apart::read();
    map.insert(1, census.value(1), &guard);
    let first = map.get(&1, &guard).unwrap();
    let replaced = map.insert(1, census.value(2), &guard).unwrap();
    let removed = map.remove(&1, &guard).unwrap();
    map.insert(2, census.value(3), &guard);
    map.clear();
    assert!(std::ptr::eq(first, replaced));
    assert_eq!((first.number(), removed.number(), census.alive()), (1, 2, 3));
    drop(guard);
    Apart::domain().barrier();
    assert_eq!(census.alive(), 0);
}

#[test]
fn what_is_in_a_map_is_dropped_with_it() {
    let census = Census::default();
    let map: HashMap<u64, _> = (0..100).map(|key| (key, census.value(key))).collect();
    assert_eq!((map.len(), census.alive()), (100, 100));
    drop(map);
    assert_eq!(census.alive(), 0);
}

#[test]
fn values_that_use_the_map_when_they_are_dropped_find_no_operation_half_done() {
    flavor! { struct Reentrant; }
    static MAP: LazyLock<HashMap<usize, Counting, RandomState, Reentrant>> =
        LazyLock::new(|| HashMap::with_flavor(Reentrant));
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    const LAST: usize = usize::MAX;

    struct Counting;
    impl Drop for Counting {
        fn drop(&mut self) {
            let guard = Reentrant::read();
            // In the middle of a removal the entry is gone and still counted.
            assert_eq!(MAP.len(), MAP.iter(&guard).count());
            if DROPPED.fetch_add(1, Relaxed).is_multiple_of(10) {
                MAP.try_insert(LAST, Counting, &guard).ok();
            }
        }
    }

    let turns = many_or_few(10_000, 100);
    for turn in 0..turns {
        let guard = Reentrant::read();
        MAP.insert(turn, Counting, &guard);
        MAP.remove(&turn, &guard);
    }
    assert!(cfg!(miri) || DROPPED.load(Relaxed) > 1000, "no callback was run before the end");
    Reentrant::domain().barrier();
    assert!(DROPPED.load(Relaxed) >= turns && MAP.len() == 1);
}

flavor! { struct Stress; }

#[test]
fn a_key_that_is_always_there_is_always_found_and_no_value_is_lost() {
    // Each map grows from nothing.
    for _ in 0..many_or_few(12, 1) {
        look_up_while_others_change();
    }
}

fn look_up_while_others_change() {
    const STABLE: u64 = 16;

    let census = Census::default();
    let map = HashMap::with_flavor(Stress);
    let guard = Stress::read();
    for key in 0..STABLE {
        map.insert(key, census.value(key), &guard);
    }
    drop(guard);

    let rounds = many_or_few(4, 2) as u64;
    let keys = many_or_few(3_000, 60) as u64;
    let finished = AtomicBool::new(false);
    let looked = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (map, census, finished, looked) = (&map, &census, &finished, &looked);
        for reader in 0..2 {
            scope.spawn(move || {
                while !finished.load(Relaxed) {
                    let guard = Stress::read();
                    for key in 0..STABLE {
                        let value = map.get(&key, &guard).expect("the key is always there");
                        assert_eq!(value.number() % STABLE, key);
                    }
                    for key in STABLE..STABLE + keys / 10 {
                        if let Some(value) = map.get(&key, &guard) {
                            assert_eq!(value.number(), key);
                        }
                    }
                    if reader == 0 {
                        let stable = map.iter(&guard).filter(|(key, _)| **key < STABLE).count() as u64;
                        assert_eq!(stable, STABLE, "an iterator has met a key twice or not at all");
                    }
                    looked.fetch_add(1, Relaxed);
                }
            });
        }
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                scope.spawn(move || {
                    for round in 0..rounds {
                        let mine = (STABLE..STABLE + keys).filter(|key| key % 2 == writer);
                        for key in mine {
                            let guard = Stress::read();
                            if (round + key / 2) % 2 == 0 {
                                assert!(map.insert(key, census.value(key), &guard).is_none() || round > 0);
                            } else {
                                map.remove(&key, &guard);
                            }
                            if key % 16 == 0 {
                                // Of the stable ones the value changes, never whether there is one.
                                let stable = (key / 16) % STABLE;
                                map.update(stable, |old| census.value(old.number() + STABLE), &guard);
                            }
                        }
                    }
                })
            })
            .collect();
        let writers: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        // Readers have been there, too, even if writers were quick.
        let patience = Instant::now();
        while looked.load(Relaxed) < 2 && patience.elapsed() < Duration::from_secs(60) {
            thread::yield_now();
        }
        finished.store(true, Relaxed);
        writers.into_iter().for_each(|writer| writer.unwrap());
    });
    assert!(looked.into_inner() >= 2, "readers did not get anywhere");
    Stress::domain().barrier();
    assert_eq!(census.alive(), map.len(), "what is not in the map was dropped, once");
    drop(map);
    assert_eq!(census.alive(), 0);
    assert_eq!(Stress::domain().backlog(), 0);
}
