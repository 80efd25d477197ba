//! `liburcu`, through libraries of ours that `ci/peers.sh` makes of `benches/peers/liburcu.c`, one for each flavour. They are loaded
//! if they are there: the command needs neither `liburcu` nor a C compiler.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;

use libloading::Library;

use super::scheme::{Defers, Freed, Holds, Replaces, Scheme, Waits};
use crate::bench::group::Op;
use crate::bench::hot::Sums;
use crate::bench::lanes::{Alone, forever};
use crate::bench::peers;

/// What such a library exports. All but `barrier` are for threads that have joined and not left.
struct Functions {
    join: unsafe extern "C" fn(),
    leave: unsafe extern "C" fn(),
    read_call: unsafe extern "C" fn(u64) -> u64,
    read_inline: unsafe extern "C" fn(u64) -> u64,
    synchronize: unsafe extern "C" fn(u64),
    defer: unsafe extern "C" fn(u64, *mut u64),
    replace: unsafe extern "C" fn(),
    barrier: unsafe extern "C" fn(),
    hold: unsafe extern "C" fn(u64),
    release: unsafe extern "C" fn(),
}

impl Functions {
    /// Loads the library of a flavour, for good.
    fn load(flavour: &str) -> Result<Self, String> {
        let path = peers::find(&format!("{flavour}.so"))?;
        ALIGNED.with(|aligned| _ = std::hint::black_box(aligned));
        // SAFETY: what runs at once is a function of ours that makes an object, and what liburcu does as it begins.
        let library: &Library = forever(unsafe { Library::new(path) }.map_err(peers::wrong)?);
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the function has this type in `liburcu.c` or `liburcu_read.c`, and the library stays.
                *unsafe { library.get($name) }.map_err(peers::wrong)?
            };
        }
        Ok(Self {
            join: function!("peer_join"),
            leave: function!("peer_leave"),
            read_call: function!("peer_read_call"),
            read_inline: function!("peer_read_inline"),
            synchronize: function!("peer_synchronize"),
            defer: function!("peer_defer"),
            replace: function!("peer_replace"),
            barrier: function!("peer_barrier"),
            hold: function!("peer_hold"),
            release: function!("peer_release"),
        })
    }
}

thread_local! {
    /// The loader gives a library room near the thread pointer only at the alignment that the executable has asked for itself, and
    /// liburcu's variables, which it wants there for `read_inline`, need this one.
    static ALIGNED: Alone = const { Alone(AtomicU64::new(0)) };
}

/// A flavour, with its read side inlined or called.
#[derive(Clone)]
pub struct Liburcu {
    name: &'static str,
    inline: bool,
    functions: Result<&'static Functions, String>,
}

/// The names of the flavours, and those of their read sides inlined.
const FLAVOURS: [[&str; 2]; 4] = [
    ["liburcu_memb", "liburcu_memb_inline"],
    ["liburcu_mb", "liburcu_mb_inline"],
    ["liburcu_qsbr", "liburcu_qsbr_inline"],
    ["liburcu_bp", "liburcu_bp_inline"],
];

impl Liburcu {
    /// All flavours, the first of which is the usual one: called, and inlined.
    pub fn flavours() -> [[&'static Self; 2]; 4] {
        FLAVOURS.map(|[called, inlined]| {
            let functions = Functions::load(called).map(|functions| forever(functions) as &Functions);
            [(called, false), (inlined, true)]
                .map(|(name, inline)| forever(Self { name, inline, functions: functions.clone() }) as &Self)
        })
    }

    /// Joins with the calling thread.
    fn member(&self) -> Result<Member, String> {
        let functions = self.functions.clone()?;
        // SAFETY: any thread may join, as often as it likes.
        unsafe { (functions.join)() };
        Ok(Member { functions, thread: PhantomData })
    }
}

/// A thread that has joined: the calling one, as this is not sent to another. Loops call its methods, so that they own all of it: a
/// closure that used the functions in it would take those alone.
struct Member {
    functions: &'static Functions,
    thread: PhantomData<*mut ()>,
}

impl Member {
    fn read(&self, inline: bool, n: u64) -> u64 {
        let read = if inline { self.functions.read_inline } else { self.functions.read_call };
        // SAFETY: this thread has joined.
        unsafe { read(n) }
    }

    fn synchronize(&self, n: u64) {
        // SAFETY: this thread has joined, and reads nothing, as readings end with the calls that begin them; but for `hold`, whose
        // member is inside a `Reading`.
        unsafe { (self.functions.synchronize)(n) }
    }

    fn defer(&self, n: u64, freed: &'static Freed) {
        // SAFETY: this thread has joined; the number stays, and only the library's one thread for callbacks writes to it.
        unsafe { (self.functions.defer)(n, freed.elsewhere.as_ptr()) }
    }

    fn replace(&self) {
        // SAFETY: this thread has joined.
        unsafe { (self.functions.replace)() }
    }

    fn hold(self, objects: u64) -> Reading {
        // SAFETY: this thread has joined.
        unsafe { (self.functions.hold)(objects) };
        Reading(self)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // SAFETY: this thread has joined once for this, and reads nothing: a `Reading` ends before its member goes.
        unsafe { (self.functions.leave)() }
    }
}

impl Scheme for Liburcu {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reads(&'static self) -> Result<Sums, String> {
        let member = self.member()?;
        Ok(Box::new(move |n| member.read(self.inline, n)))
    }

    unsafe fn settle(&'static self) {
        if let Ok(functions) = self.functions {
            // SAFETY: this thread reads nothing, and nobody reads for ever, so what it waits for comes.
            unsafe { (functions.barrier)() }
        }
    }
}

impl Waits for Liburcu {
    fn waits(&'static self) -> Result<Op, String> {
        let member = self.member()?;
        Ok(Box::new(move |n| member.synchronize(n)))
    }
}

impl Defers for Liburcu {
    fn defers(&'static self, freed: &'static Freed) -> Result<Op, String> {
        let member = self.member()?;
        Ok(Box::new(move |n| member.defer(n, freed)))
    }
}

impl Replaces for Liburcu {
    fn replaces(&'static self) -> Result<Box<dyn FnMut()>, String> {
        let member = self.member()?;
        Ok(Box::new(move || member.replace()))
    }
}

impl Holds for Liburcu {
    fn hold(&'static self, objects: u64) -> Result<Box<dyn Any>, String> {
        Ok(Box::new(self.member()?.hold(objects)))
    }
}

/// A reading that has begun.
struct Reading(Member);

impl Drop for Reading {
    fn drop(&mut self) {
        // SAFETY: `hold` began it on this thread, as a member stays on its thread.
        unsafe { (self.0.functions.release)() }
    }
}
