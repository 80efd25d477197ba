//! [`Flavor`]: which domain a pointer and a guard belong to, told by their type.
//!
//! A guard of one domain does not protect what another's writers free. That a guard and a pointer belong together is checked by
//! the compiler, and costs nothing when the program runs.

use std::marker::PhantomData;

use crate::domain::{Domain, ReadGuard};

/// A domain with a type of its own: what [`Rcu`](crate::Rcu) and its like are reclaimed by. Made by [`flavor!`](crate::flavor).
///
/// # Safety
/// [`domain`](Self::domain) must return the same domain always.
pub unsafe trait Flavor: Sized + 'static {
    /// The domain.
    fn domain() -> &'static Domain;

    /// Becomes a reader of it; see [`Domain::read`].
    #[inline]
    fn read() -> Guard<Self> {
        Guard { _guard: Self::domain().read(), flavor: PhantomData }
    }
}

/// The flavor of [`Domain::global`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Global;

// SAFETY: it is one static.
unsafe impl Flavor for Global {
    #[inline]
    fn domain() -> &'static Domain {
        Domain::global()
    }
}

/// A [`ReadGuard`] of a flavor: what is loaded under it stays whole until it is dropped.
#[derive(Debug)]
#[must_use = "a reader is one until this is dropped"]
pub struct Guard<F: Flavor = Global> {
    _guard: ReadGuard,
    /// Shared as freely as a function is.
    flavor: PhantomData<fn() -> F>,
}

/// Makes a [`Flavor`]: a type with a domain of its own, whose readers hold up no writers of others.
///
/// ```
/// use perseq_rcu::{Flavor, Rcu, flavor};
///
/// flavor! {
///     /// Long readers, apart from the rest.
///     pub struct Reports;
/// }
///
/// let totals = Rcu::with_flavor(vec![1, 2], Reports);
/// let reading = Reports::read();
/// assert_eq!(totals.load(&reading).len(), 2);
/// ```
///
/// A guard of another flavor is an error of the compiler:
///
/// ```compile_fail,E0308
/// # use perseq_rcu::{Flavor, Rcu, flavor};
/// # flavor! { struct Reports; }
/// # let totals = Rcu::with_flavor(vec![1, 2], Reports);
/// let reading = perseq_rcu::read();
/// totals.load(&reading);
/// ```
#[macro_export]
macro_rules! flavor {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident;) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, Default)]
        $visibility struct $name;

        // SAFETY: it is one static.
        unsafe impl $crate::Flavor for $name {
            #[inline]
            fn domain() -> &'static $crate::Domain {
                static DOMAIN: $crate::Domain = $crate::Domain::new();
                &DOMAIN
            }
        }
    };
}
