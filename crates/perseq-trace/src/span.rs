//! Spans: what takes its time, as an event where it is entered and one where it is left.

use std::marker::PhantomData;

use crate::expand::Values;
use crate::site::Site;

/// Records `NAME_entry`, if that is on, and when the guard is dropped `NAME_exit`: Perfetto shows a slice, of each thread if the session has
/// [`Context::Tid`](crate::Context::Tid), and of each CPU otherwise.
///
/// A provider, a name, and fields as those of [`event!`](crate::event), which are recorded with the entry.
///
/// ```
/// use perseq_trace::{Session, span};
///
/// # let folder = std::env::temp_dir().join(format!("perseq-trace-span-{}", std::process::id()));
/// let session = Session::builder(&folder).enable("files:*").start()?;
/// {
///     let _span = span!(files::read, path: &str = "/etc/hosts", offset: u64 = 0);
///     let _also = span!(Debug, files::parse);   // with a level
/// }
/// assert_eq!(session.stop()?.events, 4);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Off, it costs one load and a branch, and the values are not computed. It may be used where [`event!`](crate::event) may be.
#[macro_export]
macro_rules! span {
    ($provider:ident :: $name:ident $($fields:tt)*) => {
        $crate::span!(Info, $provider::$name $($fields)*)
    };
    ($level:ident, $provider:ident :: $name:ident $(, $field:ident : $type:ty $(= $value:expr)?)* $(,)?) => {{
        $crate::__site!(
            __PERSEQ_ENTRY, $level, $provider, ::core::concat!(::core::stringify!($name), "_entry"), $($field: $type),*
        );
        $crate::__site!(__PERSEQ_EXIT, $level, $provider, ::core::concat!(::core::stringify!($name), "_exit"),);
        $crate::Span::entered($crate::__record!(__PERSEQ_ENTRY, $($field: $type $(= $value)?),*), &__PERSEQ_EXIT)
    }};
}

/// Has the end of a [`span!`](crate::span) recorded when it is dropped, if its beginning was.
///
/// It stays on its thread, to which the span belongs.
#[derive(Debug)]
#[must_use = "the span ends when this is dropped"]
pub struct Span {
    exit: Option<&'static Site>,
    _of_the_thread: PhantomData<*const ()>,
}

impl Span {
    #[doc(hidden)]
    #[inline(always)]
    pub fn entered(recorded: bool, exit: &'static Site) -> Self {
        Self { exit: recorded.then_some(exit), _of_the_thread: PhantomData }
    }
}

impl Drop for Span {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some((site, id)) = self.exit.and_then(|site| Some((site, site.enabled()?))) {
            Values::of(site, id).record();
        }
    }
}
