//! What options of `perseq trace` take.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use perseq_trace::Context as Field;

/// How grave an event is.
#[derive(Clone, Copy, Debug)]
pub struct Level(pub perseq_ctf::Level);

const COUNT: usize = perseq_ctf::Level::ALL.len();

static LEVELS: [Level; COUNT] = {
    let mut levels = [Level(perseq_ctf::Level::Debug); COUNT];
    let mut at = 0;
    while at < COUNT {
        levels[at] = Level(perseq_ctf::Level::ALL[at]);
        at += 1;
    }
    levels
};

impl ValueEnum for Level {
    fn value_variants<'a>() -> &'a [Self] {
        &LEVELS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let value = PossibleValue::new(self.0.name());
        Some(match self.0 {
            perseq_ctf::Level::Warning => value.alias("warn").help("may be called warn"),
            perseq_ctf::Level::DebugLine => value.help("what crates tracing and log call debug"),
            perseq_ctf::Level::Debug => {
                value.alias("trace").help("what they call trace, and may be called so; all events")
            }
            _ => value,
        })
    }
}

/// A glob, unless it can match no event: their names have a colon, and those of modules, which providers can be, two at a time.
pub fn glob(glob: &str) -> Result<String, String> {
    if glob.replace("::", "").contains([':', '*', '?']) {
        return Ok(glob.to_owned());
    }
    let meant = match suggestion(glob) {
        Some(event) => format!("'{event}', or '{glob}:*' for a module"),
        None if glob.is_empty() => "'*'".to_owned(),
        None => format!("'{glob}:*'"),
    };
    Err(format!("events are called PROVIDER:NAME, and none is called so; try {meant}"))
}

/// What somebody may have meant who wrote the name of an event as a path.
pub fn suggestion(glob: &str) -> Option<String> {
    let (provider, name) = glob.rsplit_once("::")?;
    let is_path = !provider.replace("::", "").contains(':') && !name.contains(':');
    is_path.then(|| format!("{provider}:{name}"))
}

/// Bytes of a ring, as perseq-trace has them.
const RING: std::ops::RangeInclusive<u64> = 256 << 10..=16 << 20;

pub fn size(text: &str) -> Result<usize, String> {
    let parsed = parse_size::Config::new().with_binary().parse_size(text);
    let bytes = parsed.map_err(|error| error.to_string())?;
    let size = usize::try_from(bytes).ok().filter(|_| RING.contains(&bytes));
    size.ok_or_else(|| format!("a ring has from {} KiB to {} MiB", RING.start() >> 10, RING.end() >> 20))
}

/// What is recorded with every event.
#[derive(Clone, Debug)]
pub struct Context(pub Vec<Field>);

pub fn context(list: &str) -> Result<Context, String> {
    if list == "none" {
        return Ok(Context(Vec::new()));
    }
    let field = |name: &str| match name {
        "pid" => Ok(Field::Pid),
        "tid" => Ok(Field::Tid),
        "procname" => Ok(Field::Procname),
        _ => Err(format!("{name} is none of pid, tid and procname")),
    };
    list.split(',').map(field).collect::<Result<_, _>>().map(Context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use perseq_ctf::Level as Is;

    #[test]
    fn levels_are_those_of_lttng_and_have_the_names_of_rust_too() {
        let level = |name| Level::from_str(name, true).map(|level| level.0);
        for level in LEVELS {
            assert_eq!(format!("{:?}", level.0).to_lowercase(), level.0.name().replace(':', ""));
        }
        assert_eq!(["error", "warn", "info", "debug:line", "trace"].map(level), Is::OF_RUST.map(Ok));
        assert_eq!((level("debug"), level("Warning")), (Ok(Is::Debug), Ok(Is::Warning)));
        assert!(level("loud").is_err());
    }

    #[test]
    fn globs_that_can_match_no_event_are_refused() {
        for good in ["net:received", "net:*", "*", "net*", "app::net:*", "app::*", "net?received", "a:b::c"] {
            assert_eq!(glob(good).as_deref(), Ok(good));
        }
        assert!(glob("net").unwrap_err().ends_with("try 'net:*'"));
        assert!(glob("").unwrap_err().ends_with("try '*'"));
        let said = glob("app::net").unwrap_err();
        assert!(said.contains("'app:net'") && said.contains("'app::net:*'"), "{said}");
        assert_eq!(suggestion("net::*").as_deref(), Some("net:*"));
        assert_eq!(["net:*", "app::net:*", "*"].map(suggestion), [const { None }; 3]);
    }

    #[test]
    fn rings_are_as_large_as_they_can_be() {
        assert_eq!(
            (size("256KiB"), size("16M"), size("262144")),
            (Ok(256 << 10), Ok(16 << 20), Ok(256 << 10))
        );
        for wrong in ["1GiB", "4", "17M", "much", "255KiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
