//! [`HashMap`]: keys that are looked up without waiting while others insert and remove.
//!
//! It is the map of crate `papaya`, without that crate's reclamation: its operations take any guard that protects what is loaded and
//! reclaims what is retired (see `reader`), so one guard of a flavor protects maps, [lists](crate::List) and [cells](crate::Rcu)
//! alike, in signal handlers and across `.await` too, and [`Domain::barrier`](crate::Domain::barrier) waits for what maps have
//! removed. (Of other maps `scc` and `flurry` take no reclamation but their own.)
//!
//! Invariant: only guards of the map's flavor are ever used with it, and everything it hands out borrows the map and
//! such a guard. So what it retires goes to that flavor's domain, and what it owns is dropped with it, when nobody has any of it.
//!
//! Ordering: papaya publishes entries and tables by compare-and-swap with release and loads them with acquire at least, and
//! retires them after that; the rest is the domain's (see [`grace`](crate::grace)). It resizes by blocking *writers*: all entries
//! are in one table then, which readers find by one load, and a table that was replaced is retired when the new one has all entries. A writer
//! waits for other writers, never for a grace period, so it may be a reader.
//!
//! Callbacks of others are held back inside an operation that changes the map, as those run whatever is dropped: a value that uses the same
//! map when it is dropped finds no operation half done.

mod iter;
mod reader;

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::Arc;

use papaya::{Compute, Operation, ResizeMode};

use crate::flavor::{Flavor, Global, Guard};
pub use iter::Iter;
use reader::{Reader, token};

/// A hash map that many read and some change.
///
/// What it returns is borrowed from a guard: a value that is replaced or removed can be read until the guard is dropped, and is dropped after a
/// grace period, on another thread perhaps. Values are not changed in place, but [replaced](Self::update).
///
/// [`get`](Self::get) is lock-free and async-signal-safe, if hashing and comparing keys are. What changes the map allocates, and
/// waits for other threads that do while the map grows; readers may do it, as the map is of the kind that does not wait for readers.
///
/// ```
/// use perseq_rcu::HashMap;
///
/// let ports = HashMap::new();
///
/// let guard = perseq_rcu::read(); // one for many operations
/// ports.insert("http", 80, &guard);
/// let http = ports.get("http", &guard);
/// assert_eq!(http, Some(&80));
///
/// assert_eq!(ports.update("http", |port| port + 8000, &guard), Some(&8080));
/// assert_eq!(ports.remove("http", &guard), Some(&8080));
/// assert_eq!(http, Some(&80)); // as long as the guard is held
/// assert!(ports.is_empty());
/// ```
///
/// What it returns lives no longer than the map:
///
/// ```compile_fail,E0505
/// # let ports: perseq_rcu::HashMap<&str, u16> = perseq_rcu::HashMap::new();
/// # let guard = perseq_rcu::read();
/// let http = ports.get("http", &guard);
/// drop(ports);
/// println!("{http:?}");
/// ```
pub struct HashMap<K: 'static, V: 'static, S = RandomState, F: Flavor = Global> {
    map: papaya::HashMap<K, V, S>,
    flavor: PhantomData<fn() -> F>,
}

/// What [`HashMap::compute`] does with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<V> {
    /// Leaves it as it is, or away.
    Keep,
    /// Inserts the value, or replaces the one that is there.
    Set(V),
    /// Removes it, if it is there.
    Remove,
}

impl<K, V> HashMap<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    /// A map without entries; it allocates at the first.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// A map that has room for so many entries, roughly, before it grows.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_parts(capacity, RandomState::new(), Global)
    }
}

impl<K, V, F> HashMap<K, V, RandomState, F>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    F: Flavor,
{
    /// A map that readers of `flavor` read.
    #[must_use]
    pub fn with_flavor(flavor: F) -> Self {
        Self::with_parts(0, RandomState::new(), flavor)
    }
}

impl<K, V, S> HashMap<K, V, S>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher,
{
    /// A map with a hasher. The default one is keyed at random, so that nobody can choose keys that collide.
    #[must_use]
    pub fn with_hasher(hasher: S) -> Self {
        Self::with_parts(0, hasher, Global)
    }
}

impl<K, V, S, F> HashMap<K, V, S, F>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher,
    F: Flavor,
{
    /// A map that has room for so many entries, roughly, with a hasher, that readers of `flavor` read.
    #[must_use]
    pub fn with_parts(capacity: usize, hasher: S, _flavor: F) -> Self {
        let map = papaya::HashMap::builder()
            .shared_collector(Arc::clone(token()))
            .resize_mode(ResizeMode::Blocking)
            .capacity(capacity)
            .hasher(hasher)
            .build();
        Self { map, flavor: PhantomData }
    }

    /// The value of a key, as it is now. Lock-free, and waits for nobody, while the map grows too.
    #[inline]
    pub fn get<'g, Q>(&'g self, key: &Q, guard: &'g Guard<F>) -> Option<&'g V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.get(key, Reader::of(guard))
    }

    /// The key that is in the map, and its value. As [`get`](Self::get).
    #[inline]
    pub fn get_key_value<'g, Q>(&'g self, key: &Q, guard: &'g Guard<F>) -> Option<(&'g K, &'g V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.get_key_value(key, Reader::of(guard))
    }

    /// Whether there is a value of this key. As [`get`](Self::get).
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q, guard: &Guard<F>) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.contains_key(key, Reader::of(guard))
    }

    /// Inserts a value, or replaces the one that is there, which is returned: readers find the one or the other.
    pub fn insert<'g>(&'g self, key: K, value: V, guard: &'g Guard<F>) -> Option<&'g V> {
        let _held = F::domain().hold_callbacks();
        self.map.insert(key, value, Reader::of(guard))
    }

    /// Inserts a value if there is none; the one that is there then.
    pub fn get_or_insert_with<'g>(&'g self, key: K, value: impl FnOnce() -> V, guard: &'g Guard<F>) -> &'g V {
        let _held = F::domain().hold_callbacks();
        self.map.get_or_insert_with(key, value, Reader::of(guard))
    }

    /// Inserts a value if there is none.
    ///
    /// # Errors
    /// `value`, if there is one.
    pub fn try_insert<'g>(&'g self, key: K, value: V, guard: &'g Guard<F>) -> Result<&'g V, V> {
        let _held = F::domain().hold_callbacks();
        self.map.try_insert(key, value, Reader::of(guard)).map_err(|occupied| occupied.not_inserted)
    }

    /// Replaces a value by what `f` makes of it, if there is one; the new value. If another thread was faster `f` is called again,
    /// with what is there then.
    pub fn update<'g>(&'g self, key: K, f: impl Fn(&V) -> V, guard: &'g Guard<F>) -> Option<&'g V> {
        let _held = F::domain().hold_callbacks();
        self.map.update(key, f, Reader::of(guard))
    }

    /// Changes, inserts or removes a value, as `f` says, which is given what is there: as one step, so nobody else changes it in between.
    /// Returns what is there afterwards. If another thread was faster `f` is called again.
    ///
    /// ```
    /// use perseq_rcu::{HashMap, map::Change};
    ///
    /// let users: HashMap<&str, u32> = HashMap::new();
    /// let leave = |users: Option<&u32>| match users {
    ///     None => Change::Keep,
    ///     Some(1) => Change::Remove,
    ///     Some(more) => Change::Set(more - 1),
    /// };
    ///
    /// let guard = perseq_rcu::read();
    /// users.insert("table", 2, &guard);
    /// assert_eq!(users.compute("table", leave, &guard), Some(&1));
    /// assert_eq!(users.compute("table", leave, &guard), None);
    /// assert!(!users.contains_key("table", &guard));
    /// ```
    pub fn compute<'g>(
        &'g self,
        key: K,
        mut f: impl FnMut(Option<&'g V>) -> Change<V>,
        guard: &'g Guard<F>,
    ) -> Option<&'g V> {
        let decide = |entry: Option<(&'g K, &'g V)>| {
            let value = entry.map(|(_, value)| value);
            match f(value) {
                Change::Set(value) => Operation::Insert(value),
                Change::Remove if value.is_some() => Operation::Remove,
                Change::Keep | Change::Remove => Operation::Abort(value),
            }
        };
        let _held = F::domain().hold_callbacks();
        match self.map.compute(key, decide, Reader::of(guard)) {
            Compute::Inserted(_, value) | Compute::Updated { new: (_, value), .. } => Some(value),
            Compute::Removed(..) => None,
            Compute::Aborted(value) => value,
        }
    }

    /// Removes a value, which is returned.
    pub fn remove<'g, Q>(&'g self, key: &Q, guard: &'g Guard<F>) -> Option<&'g V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let _held = F::domain().hold_callbacks();
        self.map.remove(key, Reader::of(guard))
    }

    /// Removes a value, which is returned, if `f` says so. If another thread has replaced it meanwhile `f` is called again.
    pub fn remove_if<'g, Q>(
        &'g self,
        key: &Q,
        f: impl FnMut(&K, &V) -> bool,
        guard: &'g Guard<F>,
    ) -> Option<&'g V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let _held = F::domain().hold_callbacks();
        self.map.remove_if(key, f, Reader::of(guard)).ok().flatten().map(|(_, value)| value)
    }

    /// Removes the entries of which `f` says no. Those that others insert meanwhile may stay.
    pub fn retain(&self, f: impl FnMut(&K, &V) -> bool) {
        let guard = F::read();
        let _held = F::domain().hold_callbacks();
        self.map.retain(f, Reader::of(&guard));
    }

    /// Removes all entries. Those that others insert meanwhile may stay.
    pub fn clear(&self) {
        let guard = F::read();
        let _held = F::domain().hold_callbacks();
        self.map.clear(Reader::of(&guard));
    }

    /// Makes room for so many more entries, roughly.
    pub fn reserve(&self, additional: usize) {
        let guard = F::read();
        let _held = F::domain().hold_callbacks();
        self.map.reserve(additional, Reader::of(&guard));
    }

    /// The entries, in no particular order. An entry that is in the map all the time is met once; one that is inserted, replaced or
    /// removed meanwhile is met as it was before or as it is after, or, if it was removed and inserted again, at both places or at none.
    ///
    /// Unlike [`get`](Self::get), the call waits for threads that make the map grow at that moment. If it grows later, the iterator goes on with
    /// the entries that there were then.
    pub fn iter<'g>(&'g self, guard: &'g Guard<F>) -> Iter<'g, K, V, F> {
        let _held = F::domain().hold_callbacks();
        Iter::new(self.map.iter(Reader::of(guard)))
    }

    /// How many entries there are, or nearly, while others change them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether [`len`](Self::len) is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V, S, F> Default for HashMap<K, V, S, F>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Default,
    F: Flavor + Default,
{
    fn default() -> Self {
        Self::with_parts(0, S::default(), F::default())
    }
}

impl<K, V, S, F> Extend<(K, V)> for HashMap<K, V, S, F>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher,
    F: Flavor,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        (&*self).extend(entries);
    }
}

impl<K, V, S, F> Extend<(K, V)> for &HashMap<K, V, S, F>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher,
    F: Flavor,
{
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        let guard = F::read();
        for (key, value) in entries {
            self.insert(key, value, &guard);
        }
    }
}

impl<K, V, S, F> FromIterator<(K, V)> for HashMap<K, V, S, F>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    S: BuildHasher + Default,
    F: Flavor + Default,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        let map = Self::with_parts(entries.size_hint().0, S::default(), F::default());
        (&map).extend(entries);
        map
    }
}

impl<K, V, S, F> fmt::Debug for HashMap<K, V, S, F>
where
    K: Hash + Eq + Send + Sync + fmt::Debug + 'static,
    V: Send + Sync + fmt::Debug + 'static,
    S: BuildHasher,
    F: Flavor,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter(&F::read())).finish()
    }
}
