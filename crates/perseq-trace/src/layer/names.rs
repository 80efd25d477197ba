//! Names that a trace can have: see [`perseq_ctf::TraceType::validate`]. What is not valid is made so, and leaked: once for a callsite.

use perseq_ctf::Field;
use tracing_core::Metadata;

/// The most bytes of a name to which something is to be added.
const LONGEST: usize = 200;

/// A target as a provider.
pub(super) fn provider(target: &'static str) -> &'static str {
    if is_name(target) { target } else { leak(name(target)) }
}

/// The same of one that does not stay.
pub(super) fn provider_of(target: &str) -> &'static str {
    leak(if is_name(target) { target.to_owned() } else { name(target) })
}

/// The name of an event: that which it was given, or `event`.
pub(super) fn event(metadata: &'static Metadata<'static>) -> &'static str {
    let given = metadata.name();
    let place = given.strip_prefix("event ").and_then(|place| place.rsplit_once(':'));
    let is_place = place.is_some_and(|(file, line)| {
        Some(file) == metadata.file() && metadata.line().is_some_and(|number| line == number.to_string())
    });
    if is_place {
        "event"
    } else if is_name(given) {
        given
    } else {
        leak(name(given))
    }
}

/// The name of what happens to a span.
pub(super) fn of_span(span: &str, suffix: &str) -> &'static str {
    let span = if is_name(span) && span.len() <= LONGEST { span.to_owned() } else { name(span) };
    leak(span + suffix)
}

/// The names of fields.
pub(super) fn fields(names: impl Iterator<Item = &'static str>) -> &'static [&'static str] {
    let names: Vec<_> =
        names.map(|name| if is_identifier(name) { name } else { leak(identifier(name)) }).collect();
    names.leak()
}

/// Makes the names of fields differ, by their numbers: `f0_name`.
pub(super) fn number(fields: &mut [Field]) {
    for (number, field) in fields.iter_mut().enumerate() {
        field.name = format!("f{number}_{}", identifier(&field.name)).into();
    }
}

fn leak(name: String) -> &'static str {
    name.leak()
}

fn is_name(name: &str) -> bool {
    (1..256).contains(&name.len()) && !name.contains(char::is_control)
}

/// A name without what it may not have.
fn name(of: &str) -> String {
    let short = &of[..of.floor_char_boundary(LONGEST)];
    if short.is_empty() { "_".to_owned() } else { short.replace(char::is_control, "_") }
}

fn is_identifier(name: &str) -> bool {
    name.len() < 256 && !name.is_empty() && name == identifier(name)
}

/// An identifier of C.
fn identifier(of: &str) -> String {
    let short = &of[..of.floor_char_boundary(LONGEST)];
    let plain = short.strip_prefix("r#").unwrap_or(short);
    let plain = plain.replace(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_', "_");
    if plain.starts_with(|first: char| !first.is_ascii_digit()) { plain } else { format!("_{plain}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use perseq_ctf::{EventType, Kind, Level};

    #[test]
    fn identifiers_are_those_of_c() {
        let made = ["name", "http.status", "r#type", "größe", "1st", "", "a b"].map(identifier);
        assert_eq!(made, ["name", "http_status", "type", "gr__e", "_1st", "_", "a_b"]);
        assert_eq!(identifier(&"x".repeat(300)).len(), LONGEST);
    }

    #[test]
    fn names_lose_only_what_they_may_not_have() {
        assert_eq!(provider("app::net"), "app::net");
        assert_eq!((provider(""), provider("a\nb")), ("_", "a_b"));
        assert_eq!(of_span("a span", "_entry"), "a span_entry");
        assert_eq!(of_span(&"ä".repeat(300), "_exit").len(), LONGEST + 5);
    }

    #[test]
    fn numbered_names_are_valid_whatever_they_were() {
        let names = ["x", "_x", "x", "_x_length", "y", &"z".repeat(255)];
        let mut fields: Vec<Field> =
            names.map(|name| Field { name: name.to_owned().into(), kind: Kind::Str }).into();
        let valid = |fields: &[Field]| {
            let fields = fields.to_vec().into();
            EventType { fields, ..EventType::new("p", "n", Level::Info, &[]) }.validate().is_ok()
        };
        assert!(!valid(&fields));
        number(&mut fields);
        assert!(valid(&fields), "{fields:?}");
    }
}
