//! The sites of a callsite, of which each has fields of certain types: one for each combination that the callsite has shown.
//!
//! What a field is is only known when it is recorded, and may be something else the next time: an `Option` that is `None` is not there at
//! all. So a record is first written, by which its [`Signature`] is known, and then goes to the site of that signature. There are few of these: what
//! does not fit is written as text, for a site of its own.
//!
//! Invariant: sites are added at the end, under a lock, and stay for ever. All sites of a callsite have the same name and level, so all of them
//! are on or none.
//!
//! Ordering: a site is stored by a release after it was registered, so who acquires it finds it on if it is to be.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use perseq_ctf::{EventType, Field, Kind};
use tracing_core::field::Visit;

use super::chains::adding;
use super::names;
use super::values::{Line, Room, Signature, Values};
use crate::{Level, Site, emit};

/// Sites of a callsite, besides that of text.
const MOST: usize = 8;

/// What the sites of a callsite have in common.
#[derive(Clone, Copy)]
pub(super) struct Family {
    pub(super) provider: &'static str,
    pub(super) name: &'static str,
    pub(super) level: Level,
    /// The names of numbers that precede the fields.
    pub(super) ids: &'static [&'static str],
    /// The names of the fields, by their index.
    pub(super) fields: &'static [&'static str],
    pub(super) source: (&'static str, u32),
}

/// One of them.
struct Shape {
    signature: Signature,
    site: Site,
}

/// The sites of a callsite.
pub(super) struct Shapes {
    family: Family,
    known: [AtomicPtr<Shape>; MOST],
    text: AtomicPtr<Shape>,
}

impl Shapes {
    pub(super) fn new(family: Family) -> Self {
        let none = || AtomicPtr::new(null_mut());
        Self { family, known: std::array::from_fn(|_| none()), text: none() }
    }

    /// Whether a record may be wanted: it is, or none has been seen yet.
    #[inline]
    pub(super) fn wanted(&self) -> bool {
        get(&self.known[0]).or_else(|| get(&self.text)).is_none_or(|shape| shape.site.enabled().is_some())
    }

    /// Records what `visit` hands over, if that is on.
    #[inline]
    pub(super) fn record(&'static self, ids: &[u64], visit: impl Fn(&mut dyn Visit)) {
        if self.wanted() {
            self.record_wanted(ids, visit);
        }
    }

    /// Apart, so that what is off needs no stack.
    #[inline(never)]
    fn record_wanted(&'static self, ids: &[u64], visit: impl Fn(&mut dyn Visit)) {
        let mut room = Room::new();
        let mut values = Values::new(&mut room, ids);
        visit(&mut values);
        let shape = values.signature().and_then(|signature| self.shape(signature));
        match shape {
            Some(shape) => emit(&shape.site, values.bytes()),
            None => self.as_text(ids, visit),
        }
    }

    /// The site of a signature, if there is room for it.
    #[inline]
    fn shape(&'static self, signature: Signature) -> Option<&'static Shape> {
        for place in &self.known {
            match get(place) {
                Some(shape) if shape.signature == signature => return Some(shape),
                Some(_) => {}
                None => return self.add(signature),
            }
        }
        None
    }

    #[cold]
    #[inline(never)]
    fn add(&'static self, signature: Signature) -> Option<&'static Shape> {
        adding(|| {
            for place in &self.known {
                match get(place) {
                    Some(shape) if shape.signature == signature => return Some(shape),
                    Some(_) => {}
                    None => {
                        let fields =
                            signature.fields().map(|(index, kind)| (self.family.fields[index], kind));
                        return Some(self.register(place, signature, fields));
                    }
                }
            }
            None
        })
    }

    /// All fields as one text.
    #[cold]
    #[inline(never)]
    fn as_text(&'static self, ids: &[u64], visit: impl Fn(&mut dyn Visit)) {
        let shape = get(&self.text).unwrap_or_else(|| {
            adding(|| {
                get(&self.text).unwrap_or_else(|| {
                    let fields = [("fields", Kind::Str)].into_iter();
                    self.register(&self.text, Signature::default(), fields)
                })
            })
        });
        if shape.site.enabled().is_some() {
            let mut room = Room::new();
            let mut values = Values::new(&mut room, ids);
            values.text(|text| visit(&mut Line::new(text)));
            emit(&shape.site, values.bytes());
        }
    }

    /// Adds a site, while [`adding`].
    fn register(
        &self,
        place: &AtomicPtr<Shape>,
        signature: Signature,
        fields: impl Iterator<Item = (&'static str, Kind)>,
    ) -> &'static Shape {
        let Family { provider, name, level, ids, source: (file, line), .. } = self.family;
        let ids = ids.iter().map(|id| Field::new(id, Kind::U64));
        let mut fields: Vec<Field> = ids.chain(fields.map(|(name, kind)| Field::new(name, kind))).collect();
        let event = EventType { fields: fields.clone().into(), ..EventType::new(provider, name, level, &[]) };
        if event.validate().is_err() {
            names::number(&mut fields);
        }
        let site = Site::new(provider, name, level, fields.leak(), file, line);
        let shape: &'static Shape = Box::leak(Box::new(Shape { signature, site }));
        shape.site.register();
        place.store(std::ptr::from_ref(shape).cast_mut(), Ordering::Release);
        shape
    }
}

#[inline(always)]
fn get(place: &AtomicPtr<Shape>) -> Option<&'static Shape> {
    // SAFETY: what was stored stays for ever.
    unsafe { place.load(Ordering::Acquire).as_ref() }
}

#[inline]
fn emit(site: &Site, bytes: &[u8]) {
    let Some(id) = site.enabled() else { return };
    // SAFETY: there is room for as many bytes as were asked for, elsewhere.
    emit::record(site, id, bytes.len(), |at| unsafe {
        at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
    });
}
