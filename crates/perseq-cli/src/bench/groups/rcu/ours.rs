//! Ours.

use std::any::Any;
use std::mem::forget;

use perseq_rcu::{Domain, Flavor, Rcu, flavor};

use super::scheme::{Defers, Freed, Holds, Object, Replaces, Scheme, Waits, expected};
use crate::bench::group::{Op, Published, cubietruck, xeon};
use crate::bench::hot::{Sums, sums};

/// The row that the ratios refer to.
pub const REFERENCE: &str = "perseq";

/// What was published for a read pair with restartable sequences.
pub const PUBLISHED: &[Published] = &[xeon(28.6), cubietruck(128.5)];

flavor! {
    /// Whose readers never leave.
    struct Stalled;
}

/// `Rcu` and the global domain.
pub struct Perseq(Rcu<Object>);

impl Perseq {
    pub fn new() -> Self {
        Self(Rcu::new(Object::new()))
    }
}

impl Scheme for Perseq {
    fn name(&self) -> &'static str {
        "perseq"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let expected = expected();
        Ok(sums!({
            let guard = perseq_rcu::read();
            self.0.load(&guard).is(expected)
        }))
    }

    unsafe fn settle(&'static self) {
        perseq_rcu::barrier();
    }
}

impl Waits for Perseq {
    fn waits(&'static self) -> Result<Op, String> {
        Ok(Box::new(|n| (0..n).for_each(|_| perseq_rcu::synchronize())))
    }
}

/// `n` objects, of which each is freed by its callback.
fn defer(domain: &'static Domain, n: u64, object: impl Fn() -> Object) {
    for _ in 0..n {
        let object = object();
        domain.defer(move || drop(object));
    }
}

impl Defers for Perseq {
    fn defers(&'static self, freed: &'static Freed) -> Result<Op, String> {
        Ok(Box::new(move |n| defer(Domain::global(), n, || Object::counted(freed))))
    }
}

impl Replaces for Perseq {
    fn replaces(&'static self) -> Result<Box<dyn FnMut()>, String> {
        Ok(Box::new(|| self.0.store(Object::new())))
    }
}

impl Holds for Perseq {
    fn hold(&'static self, objects: u64) -> Result<Box<dyn Any>, String> {
        forget(Stalled::read());
        defer(Stalled::domain(), objects, Object::new);
        Ok(Box::new(()))
    }
}

/// Reads that are one sequence, of an object that is one word.
pub struct Restartable(Rcu<usize>);

impl Restartable {
    pub fn new() -> Self {
        Self(Rcu::new(expected()))
    }
}

impl Scheme for Restartable {
    fn name(&self) -> &'static str {
        "perseq_restartable"
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let expected = expected();
        Ok(sums!({ usize::from(self.0.get() == expected) }))
    }
}

pub use across::Shared;

#[cfg(target_os = "linux")]
mod across {
    use std::sync::atomic::AtomicPtr;
    use std::sync::atomic::Ordering::Acquire;

    use perseq_rcu::shared::SharedDomain;

    use super::super::scheme::{Object, Scheme, Waits, expected};
    use crate::bench::group::Op;
    use crate::bench::hot::{Sums, sums};

    /// A domain whose readers may be in several processes.
    pub struct Shared(AtomicPtr<Object>, Result<&'static SharedDomain, String>);

    impl Shared {
        pub fn new() -> Self {
            let domain = SharedDomain::memfd(16).map_err(|error| error.to_string());
            Self(AtomicPtr::new(Box::into_raw(Box::new(Object::new()))), domain)
        }
    }

    impl Scheme for Shared {
        fn name(&self) -> &'static str {
            "perseq_shared"
        }

        fn reads(&'static self) -> Result<Sums, String> {
            let (expected, domain) = (expected(), self.1.clone()?);
            Ok(sums!({
                let _guard = domain.read();
                // SAFETY: there always is an object, which is never replaced.
                unsafe { &*self.0.load(Acquire) }.is(expected)
            }))
        }
    }

    impl Waits for Shared {
        fn waits(&'static self) -> Result<Op, String> {
            let domain = self.1.clone()?;
            domain.synchronize().map_err(|error| error.to_string())?;
            // It can, as it could.
            Ok(Box::new(move |n| (0..n).for_each(|_| _ = domain.synchronize())))
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod across {
    use super::super::scheme::{Scheme, Waits};
    use crate::bench::group::Op;
    use crate::bench::hot::Sums;

    /// Nothing.
    pub struct Shared;

    impl Shared {
        pub fn new() -> Self {
            Self
        }
    }

    impl Scheme for Shared {
        fn name(&self) -> &'static str {
            "perseq_shared"
        }

        fn reads(&'static self) -> Result<Sums, String> {
            Err("Linux only".to_owned())
        }
    }

    impl Waits for Shared {
        fn waits(&'static self) -> Result<Op, String> {
            Err("Linux only".to_owned())
        }
    }
}
