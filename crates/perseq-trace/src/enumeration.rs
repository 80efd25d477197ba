//! Enumerations as fields: an integer in the ring, and the names of its values in the types of the trace.

/// Declares an enumeration that can be a [field](crate::Encode): traces show the names of its variants.
///
/// It is an `enum` with the integer behind it, and a value for each variant. Attributes and documentation are its own.
///
/// ```
/// use perseq_trace::{enumeration, event};
///
/// enumeration! {
///     /// What a connection is at.
///     #[derive(Clone, Copy, Debug, PartialEq, Eq)]
///     pub enum State: u8 {
///         /// Nothing was sent yet.
///         Idle = 0,
///         Busy = 1,
///     }
/// }
///
/// event!(net::turned, to: State = State::Busy);
/// ```
///
/// A value that an `i64` does not hold is a compile error, as is an integer of more than 64 bits.
#[macro_export]
macro_rules! enumeration {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident: $integer:ident {
            $($(#[$of_variant:meta])* $variant:ident = $value:expr),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[repr($integer)]
        $visibility enum $name {
            $($(#[$of_variant])* $variant = $value),+
        }

        const _: () = {
            const __PERSEQ_VALUES: &[($crate::expand::Text, i64)] = &[$({
                let __perseq_value: $integer = $value;
                ::core::assert!(__perseq_value as i128 == __perseq_value as i64 as i128, "a trace holds values of `i64`");
                ($crate::expand::Text::Borrowed($crate::expand::name(::core::stringify!($variant))), __perseq_value as i64)
            }),+];

            // SAFETY: the integer is written.
            unsafe impl $crate::expand::Put for $name {
                #[inline(always)]
                fn size(&self) -> usize {
                    ::core::mem::size_of::<$integer>()
                }

                #[inline(always)]
                unsafe fn put(&self, __perseq_at: *mut u8) -> *mut u8 {
                    // SAFETY: it is represented by that integer.
                    let __perseq_value = unsafe { ::core::ptr::from_ref(self).cast::<$integer>().read() };
                    // SAFETY: the caller's promise.
                    unsafe { $crate::expand::Put::put(&__perseq_value, __perseq_at) }
                }
            }

            impl $crate::Encode for $name {
                const KIND: $crate::expand::Kind = $crate::expand::Kind::Enum($crate::expand::Enumeration {
                    size: {
                        ::core::assert!(::core::mem::size_of::<$integer>() <= 8, "a trace holds 64 bits at most");
                        ::core::mem::size_of::<$integer>() as u8
                    },
                    signed: <$integer>::MIN != 0,
                    values: $crate::expand::Cow::Borrowed(__PERSEQ_VALUES),
                });
            }
        };
    };
}
