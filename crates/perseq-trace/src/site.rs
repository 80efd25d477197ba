//! Sites: the places in a program that can record an event.
//!
//! Each is a `static`, which is registered when the program is loaded: so all that a program can record is known before it does.
//!
//! Invariant: sites are linked one before the other, and never taken out: a library with sites must stay loaded, or at least its
//! memory. `next` is null until a site is registered. `id` is 0 while a site is off.

use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use perseq_ctf::{EventType, Field, Level};

/// A place that can record an event; made by [`event!`](crate::event).
#[derive(Debug)]
pub struct Site {
    provider: &'static str,
    name: &'static str,
    level: Level,
    fields: &'static [Field],
    source: (&'static str, u32),
    /// One more than the id of its events in the session, and how they are recorded; 0 if they are not.
    id: AtomicU32,
    next: AtomicPtr<Site>,
}

/// What is behind the last.
const END: *mut Site = ptr::dangling_mut();

static FIRST: AtomicPtr<Site> = AtomicPtr::new(END);

impl Site {
    /// A site that is off.
    #[must_use]
    pub const fn new(
        provider: &'static str,
        name: &'static str,
        level: Level,
        fields: &'static [Field],
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            provider,
            name,
            level,
            fields,
            source: (file, line),
            id: AtomicU32::new(0),
            next: AtomicPtr::new(null_mut()),
        }
    }

    /// Lets sessions know of it. Called when the program, or the library, is loaded; once is enough.
    pub fn register(&'static self) {
        if self.next.compare_exchange(null_mut(), END, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let mut first = FIRST.load(Ordering::Relaxed);
        loop {
            self.next.store(first, Ordering::Relaxed);
            let this = ptr::from_ref(self).cast_mut();
            match FIRST.compare_exchange(first, this, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                // There are only so many.
                Err(newer) => first = newer,
            }
        }
        #[cfg(all(target_os = "linux", not(miri)))]
        crate::program::found(self);
    }

    /// The id of its events and how they are recorded, if they are: one load.
    #[inline(always)]
    pub fn enabled(&self) -> Option<u32> {
        match self.id.load(Ordering::Relaxed) {
            0 => None,
            id => Some(id - 1),
        }
    }

    /// Whether that is its id still. Acquires what was there when it was set.
    #[cfg(all(target_os = "linux", not(miri)))]
    #[inline(always)]
    pub(crate) fn has(&self, id: u32) -> bool {
        self.id.load(Ordering::Acquire) == id + 1
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    pub(crate) fn set(&self, id: Option<u32>) {
        self.id.store(id.map_or(0, |id| id + 1), Ordering::Release);
    }

    /// The provider and the name, as they are named in globs.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}:{}", self.provider, self.name)
    }

    /// How grave it is.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The type of its events.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        let mut event = EventType::new(self.provider, self.name, self.level, self.fields);
        event.source = Some((self.source.0.into(), self.source.1));
        event
    }
}

/// All sites that were registered, the last first.
pub fn sites() -> impl Iterator<Item = &'static Site> {
    // SAFETY: what is linked before the end is `'static`, and was complete when it was linked.
    let get = |at: *mut Site| if at == END { None } else { unsafe { at.as_ref() } };
    // One that is linked leads on: nothing changes its `next`.
    std::iter::successors(get(FIRST.load(Ordering::Acquire)), move |site| {
        get(site.next.load(Ordering::Relaxed))
    })
}

/// Records an event, if that is on: a provider, a name, and fields of which each has a type.
///
/// Off, it costs one load and a branch, and the values are not computed. On, it is one restartable sequence into the ring of the running CPU. It may be
/// used in signal handlers, in constructors before `main`, and in destructors of thread-local values. The fields are put together on the stack, which takes 5 KiB there if they
/// have more than 250 bytes, and 66 KiB if they have more than 4 KiB. `errno` is kept.
///
/// ```
/// use perseq_trace::event;
///
/// let (path, size) = ("/etc/hosts", 220_u64);
/// event!(files::opened, path: &str = path, size: u64 = size);
/// event!(Debug, files::closed, path: &str);   // a variable of the same name; with a level
/// # let _ = (path, size);
/// ```
///
/// The types are those of [`Encode`](crate::Encode). A name is an identifier, of ASCII if it is that of a field; `r#type` is `type` in the trace. Fields that
/// no trace can have together are a compile error:
///
/// ```compile_fail,E0080
/// perseq_trace::event!(files::opened, size: u64 = 1, _size: u64 = 2);
/// ```
///
/// An event whose fields take more than 64 KiB (and 256 bytes) is lost, and counted as such.
#[macro_export]
macro_rules! event {
    ($provider:ident :: $name:ident $($fields:tt)*) => {
        $crate::event!(Info, $provider::$name $($fields)*)
    };
    ($level:ident, $provider:ident :: $name:ident $(, $field:ident : $type:ty $(= $value:expr)?)* $(,)?) => {{
        $crate::__site!(__PERSEQ_SITE, $level, $provider, ::core::stringify!($name), $($field: $type),*);
        $crate::__record!(__PERSEQ_SITE, $($field: $type $(= $value)?),*);
    }};
}

/// A site, as a static of that identifier.
#[doc(hidden)]
#[macro_export]
macro_rules! __site {
    ($site:ident, $level:ident, $provider:ident, $name:expr, $($field:ident : $type:ty),*) => {
        static $site: $crate::Site = $crate::Site::new(
            $crate::expand::name(::core::stringify!($provider)),
            $crate::expand::name($name),
            $crate::Level::$level,
            const {
                &[$($crate::Field::new(
                    $crate::expand::field_name(::core::stringify!($field)),
                    <$type as $crate::Encode>::KIND,
                )),*]
            },
            ::core::file!(),
            ::core::line!(),
        );
        const _: () = ::core::assert!(
            $crate::expand::differ(&[$($crate::expand::field_name(::core::stringify!($field))),*]),
            "two fields have one name, or differ only by an underscore before it",
        );
        $crate::__at_load!($site);
    };
}

/// Records an event of a site, if that is on, which it says. It binds no name that a constant could have.
#[doc(hidden)]
#[macro_export]
macro_rules! __record {
    ($site:ident, $($field:ident : $type:ty $(= $value:expr)?),*) => {
        match $site.enabled() {
            ::core::option::Option::None => false,
            ::core::option::Option::Some(__perseq_id) => {
                $crate::expand::Values::of(&$site, __perseq_id)
                    $(.and::<$type>($crate::__value!($field $(= $value)?)))*
                    .record();
                true
            }
        }
    };
}

/// The value of a field.
#[doc(hidden)]
#[macro_export]
macro_rules! __value {
    ($field:ident) => {
        $field
    };
    ($field:ident = $value:expr) => {
        $value
    };
}

/// Registers a site when the object file is loaded that it is in: before the program joins a session, and before constructors without a priority.
#[cfg(all(target_os = "linux", not(miri)))]
#[doc(hidden)]
#[macro_export]
macro_rules! __at_load {
    ($site:ident) => {
        const _: () = {
            #[used]
            // Before constructors that have no number, so that they can record.
            #[unsafe(link_section = ".init_array.00500")]
            static REGISTER: extern "C" fn() = {
                extern "C" fn register() {
                    $site.register();
                }
                register
            };
        };
    };
}

/// Elsewhere nothing is recorded.
#[cfg(not(all(target_os = "linux", not(miri))))]
#[doc(hidden)]
#[macro_export]
macro_rules! __at_load {
    ($site:ident) => {};
}
