//! Hash maps that all threads share: looking keys up, and now and then inserting one and removing it again.
//!
//! Keys are looked up in an order without pattern. Those that are inserted are each thread's own, so every operation succeeds, which
//! is counted.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::RwLock;
use std::sync::atomic::Ordering::Relaxed;

use crate::bench::arch::clobber;
use crate::bench::group::{Contestant, Field, Group, Op, Setup, Threads};
use crate::bench::lanes::{Alone, forever, plain_add};

/// Hash maps.
pub const GROUP: Group = Group {
    name: "rcu_map",
    about: "Looking up a key in a hash map that all threads share, and changing that map",
    reference: "perseq",
    build,
};

/// How many numbers are there all the time.
const NUMBERS: u64 = 10_000;
/// And how many strings: so few that each map's are in the cache soon after another map's turn.
const STRINGS: u64 = 1_000;
/// Of so many operations one inserts or removes.
const PER_WRITE: u64 = 20;
/// How many keys a thread inserts and removes in turn.
const OWN: u64 = 64;

fn build(setup: &Setup) -> Field {
    let seats = setup.cpus.len();
    let numbers: Vec<u64> = (0..NUMBERS + OWN * 2 * seats as u64).collect();
    let strings: Vec<String> = (0..STRINGS).map(|number| format!("/some/path/{number}")).collect();
    let numbers = Keys { all: forever(numbers), stay: NUMBERS, seats };
    let strings = Keys { all: forever(strings), stay: STRINGS, seats };
    let mut contestants = with_keys(&numbers, Spread, &["get", "mixed"]);
    contestants.extend(with_keys(&strings, RandomState::new(), &["get_string"]));
    let notes = vec![
        "Every lookup takes its own guard or lock. Numbers are hashed by a multiplication, strings by the standard library's hasher; the same \
         for all maps. `mixed`: of 20 operations 19 look up and one inserts or removes."
            .to_owned(),
    ];
    Field { contestants, notes, memory: Vec::new() }
}

/// Keys: first those that are there all the time, then those that threads insert and remove.
struct Keys<K: 'static> {
    all: &'static [K],
    stay: u64,
    seats: usize,
}

/// A map from keys to numbers.
trait Map<K>: Sync {
    fn find(&self, key: &K) -> Option<u64>;
    /// Whether the key is new.
    fn put(&self, key: K, value: u64) -> bool;
    /// Whether it was there.
    fn take(&self, key: &K) -> bool;
}

/// Every map, with the same keys.
fn with_keys<K, S>(keys: &Keys<K>, hasher: S, variants: &[&'static str]) -> Vec<Contestant>
where
    K: Hash + Ord + Clone + Send + Sync + 'static,
    S: BuildHasher + Clone + Send + Sync + 'static,
{
    let capacity = keys.all.len();
    let new = || hasher.clone();
    let perseq = perseq_rcu::HashMap::with_parts(capacity, new(), perseq_rcu::Global);
    let fields = [
        rows("perseq", perseq, keys, variants),
        rows("papaya", papaya::HashMap::with_capacity_and_hasher(capacity, new()), keys, variants),
        rows("flurry", flurry::HashMap::with_capacity_and_hasher(capacity, new()), keys, variants),
        rows("scc", scc::HashMap::with_capacity_and_hasher(capacity, new()), keys, variants),
        rows("scc_index", scc::HashIndex::with_capacity_and_hasher(capacity, new()), keys, variants),
        rows("dashmap", dashmap::DashMap::with_capacity_and_hasher(capacity, new()), keys, variants),
        rows("rwlock", RwLock::new(StdMap::with_capacity_and_hasher(capacity, new())), keys, variants),
        rows(
            "parking_lot",
            parking_lot::RwLock::new(StdMap::with_capacity_and_hasher(capacity, new())),
            keys,
            variants,
        ),
    ];
    fields.into_iter().flatten().collect()
}

/// A map in all variants.
fn rows<K: Clone + Send + Sync + 'static>(
    name: &'static str,
    map: impl Map<K> + 'static,
    keys: &Keys<K>,
    variants: &[&'static str],
) -> Vec<Contestant> {
    let map = forever(map);
    for (value, key) in (0..keys.stay).zip(keys.all) {
        map.put(key.clone(), value);
    }
    let each = variants.iter().flat_map(|variant| [(*variant, Threads::One), (*variant, Threads::All)]);
    each.map(|(variant, threads)| contestant(name, variant, threads, map, keys)).collect()
}

fn contestant<K: Clone + Send + Sync + 'static>(
    name: &'static str,
    variant: &'static str,
    threads: Threads,
    map: &'static impl Map<K>,
    keys: &Keys<K>,
) -> Contestant {
    let (stay, keys, seats) = (keys.stay, keys.all, keys.seats);
    let counts: &[Alone] = forever((0..seats).map(|_| Alone::default()).collect::<Vec<_>>());
    let writes = variant == "mixed";
    // Contestants take turns, so those that share a map have keys of their own.
    let before = if threads == Threads::All { seats } else { 0 };
    let step = if writes { PER_WRITE } else { 1 };
    Contestant::new(name, variant, threads, step, move |seat| {
        let count = &counts[seat.index].0;
        let mut order = Order(seat.index as u64);
        let mut look_up = move |times: u64| {
            let mut found = 0;
            for _ in 0..times {
                let at = order.next_below(stay);
                found += u64::from(map.find(&keys[at as usize]) == Some(at));
                clobber();
            }
            found
        };
        if !writes {
            let op: Op = Box::new(move |turns| plain_add(count, look_up(turns)));
            return Ok(op);
        }
        let first = stay as usize + (before + seat.index) * OWN as usize;
        let own = &keys[first..first + OWN as usize];
        // An earlier one may have left some.
        for key in own {
            map.take(key);
        }
        let mut written: u64 = 0;
        let op: Op = Box::new(move |turns| {
            for _ in 0..turns / PER_WRITE {
                let key = &own[(written / 2 % OWN) as usize];
                let done =
                    if written.is_multiple_of(2) { map.put(key.clone(), written) } else { map.take(key) };
                written += 1;
                plain_add(count, look_up(PER_WRITE - 1) + u64::from(done));
            }
        });
        Ok(op)
    })
    .counted_by(move || counts.iter().map(|count| count.0.load(Relaxed)).sum())
}

/// Numbers without a pattern that a processor could learn: a linear congruential generator of 64 bits.
struct Order(u64);

impl Order {
    #[inline]
    fn next_below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        ((self.0 >> 32) * bound) >> 32
    }
}

/// Hashes numbers by one multiplication, to 128 bits, of which the halves are combined.
#[derive(Clone, Default)]
struct Spread;

struct Hash64(u64);

impl BuildHasher for Spread {
    type Hasher = Hash64;

    #[inline]
    fn build_hasher(&self) -> Hash64 {
        Hash64(0x9e37_79b9_7f4a_7c15)
    }
}

impl Hasher for Hash64 {
    #[inline]
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(number ^ self.0) * 0xa076_1d64_78bd_642f;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

type StdMap<K, S> = std::collections::HashMap<K, u64, S>;

impl<K, S> Map<K> for perseq_rcu::HashMap<K, u64, S>
where
    K: Hash + Eq + Send + Sync,
    S: BuildHasher + Sync,
{
    #[inline]
    fn find(&self, key: &K) -> Option<u64> {
        self.get(key, &perseq_rcu::read()).copied()
    }

    fn put(&self, key: K, value: u64) -> bool {
        self.insert(key, value, &perseq_rcu::read()).is_none()
    }

    fn take(&self, key: &K) -> bool {
        self.remove(key, &perseq_rcu::read()).is_some()
    }
}

impl<K: Hash + Eq + Send + Sync, S: BuildHasher + Sync> Map<K> for papaya::HashMap<K, u64, S> {
    #[inline]
    fn find(&self, key: &K) -> Option<u64> {
        self.pin().get(key).copied()
    }

    fn put(&self, key: K, value: u64) -> bool {
        self.pin().insert(key, value).is_none()
    }

    fn take(&self, key: &K) -> bool {
        self.pin().remove(key).is_some()
    }
}

impl<K, S> Map<K> for flurry::HashMap<K, u64, S>
where
    K: Hash + Ord + Clone + Send + Sync + 'static,
    S: BuildHasher + Sync,
{
    #[inline]
    fn find(&self, key: &K) -> Option<u64> {
        self.pin().get(key).copied()
    }

    fn put(&self, key: K, value: u64) -> bool {
        self.pin().insert(key, value).is_none()
    }

    fn take(&self, key: &K) -> bool {
        self.pin().remove(key).is_some()
    }
}

impl<K: Hash + Eq + Send + Sync, S: BuildHasher + Sync> Map<K> for scc::HashMap<K, u64, S> {
    #[inline]
    fn find(&self, key: &K) -> Option<u64> {
        self.read_sync(key, |_, value| *value)
    }

    fn put(&self, key: K, value: u64) -> bool {
        self.insert_sync(key, value).is_ok()
    }

    fn take(&self, key: &K) -> bool {
        self.remove_sync(key).is_some()
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, S: BuildHasher + Sync> Map<K> for scc::HashIndex<K, u64, S> {
    #[inline]
    fn find(&self, key: &K) -> Option<u64> {
        self.peek_with(key, |_, value| *value)
    }

    fn put(&self, key: K, value: u64) -> bool {
        self.insert_sync(key, value).is_ok()
    }

    fn take(&self, key: &K) -> bool {
        self.remove_sync(key)
    }
}

impl<K, S> Map<K> for dashmap::DashMap<K, u64, S>
where
    K: Hash + Eq + Send + Sync,
    S: BuildHasher + Clone + Send + Sync,
{
    #[inline]
    fn find(&self, key: &K) -> Option<u64> {
        self.get(key).map(|value| *value)
    }

    fn put(&self, key: K, value: u64) -> bool {
        self.insert(key, value).is_none()
    }

    fn take(&self, key: &K) -> bool {
        self.remove(key).is_some()
    }
}

impl<K: Hash + Eq + Send + Sync, S: BuildHasher + Send + Sync> Map<K> for RwLock<StdMap<K, S>> {
    #[inline]
    fn find(&self, key: &K) -> Option<u64> {
        self.read().ok()?.get(key).copied()
    }

    fn put(&self, key: K, value: u64) -> bool {
        self.write().is_ok_and(|mut map| map.insert(key, value).is_none())
    }

    fn take(&self, key: &K) -> bool {
        self.write().is_ok_and(|mut map| map.remove(key).is_some())
    }
}

impl<K: Hash + Eq + Send + Sync, S: BuildHasher + Send + Sync> Map<K> for parking_lot::RwLock<StdMap<K, S>> {
    #[inline]
    fn find(&self, key: &K) -> Option<u64> {
        self.read().get(key).copied()
    }

    fn put(&self, key: K, value: u64) -> bool {
        self.write().insert(key, value).is_none()
    }

    fn take(&self, key: &K) -> bool {
        self.write().remove(key).is_some()
    }
}
