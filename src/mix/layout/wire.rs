//! Layouts as JSON: a name, or an object with regions. What Twilio calls `video_layout` is taken as it is.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Fit;
use super::named::Layout;
use super::pattern::{LONGEST, Pattern};
use super::region::{LEAST, Region, Reuse};
use super::regions::{MOST_REGIONS, Regions};

/// Why something is no layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}: {remedy}")]
pub struct LayoutError {
    field: String,
    problem: String,
    remedy: String,
}

impl LayoutError {
    pub(super) fn new(field: String, problem: String, remedy: String) -> Self {
        Self { field, problem, remedy }
    }

    pub(super) fn unknown(name: &str) -> Self {
        let names = Layout::NAMED.map(|layout| layout.name()).join(", ");
        Self::new(
            "layout".to_owned(),
            format!("{name:?} is unknown"),
            format!("use one of {names}, or an object with regions"),
        )
    }
}

/// The largest number of pixels that a region may say.
const LARGEST: i64 = 7680;
const DEEPEST: i64 = 99;
const MOST_LINES: i64 = 1000;
const MOST_CELLS: usize = 1000;
const MOST_PATTERNS: usize = 50;

/// A value with the words for where it is.
struct Field<'a> {
    region: &'a str,
    key: &'a str,
    value: Value,
}

impl Field<'_> {
    fn wrong(&self, problem: impl Into<String>, remedy: impl Into<String>) -> LayoutError {
        LayoutError::new(format!("layout.regions.{}.{}", self.region, self.key), problem.into(), remedy.into())
    }

    fn whole(&self, least: i64, most: i64) -> Result<i64, LayoutError> {
        let number = self.value.as_i64().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| {
            self.wrong(format!("is {}", brief(&self.value)), format!("use a whole number from {least} to {most}"))
        })
    }

    fn count(&self, least: i64, most: i64) -> Result<u32, LayoutError> {
        self.whole(least, most).map(|number| u32::try_from(number).unwrap_or(0))
    }

    /// The same, where null and 0 leave it open, as Twilio's answers do.
    fn limit(&self, least: i64, most: i64) -> Result<Option<u32>, LayoutError> {
        match self.value.is_null() || self.value.as_i64() == Some(0) {
            true => Ok(None),
            false => self.count(least, most).map(Some),
        }
    }

    fn word<T: for<'de> Deserialize<'de>>(&self, words: &str) -> Result<T, LayoutError> {
        let word = serde_json::from_value(self.value.clone());
        word.map_err(|_| self.wrong(format!("is {}", brief(&self.value)), format!("use {words}")))
    }

    fn list(&self, most: usize) -> Result<&[Value], LayoutError> {
        let list = self.value.as_array().ok_or_else(|| self.wrong("is no list", "use […]"))?;
        if list.len() > most {
            return Err(self.wrong(format!("has {} entries", list.len()), format!("use at most {most}")));
        }
        Ok(list)
    }

    fn patterns(&self) -> Result<Vec<Pattern>, LayoutError> {
        let pattern = |value: &Value| {
            let text = value.as_str().and_then(|text| Pattern::try_from(text.to_owned()).ok());
            let remedy =
                format!("use names, identifiers, camera or screen of at most {LONGEST} bytes, with * for any letters");
            text.ok_or_else(|| self.wrong(format!("has {}", brief(value)), remedy))
        };
        self.list(MOST_PATTERNS)?.iter().map(pattern).collect()
    }

    fn cells(&self) -> Result<Vec<u32>, LayoutError> {
        let cell = |value: &Value| {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            let fits = number.filter(|number| i64::from(*number) < MOST_LINES * MOST_LINES);
            fits.ok_or_else(|| self.wrong(format!("has {}", brief(value)), "use numbers of cells, the first is 0"))
        };
        let cells: Result<BTreeSet<u32>, LayoutError> = self.list(MOST_CELLS)?.iter().map(cell).collect();
        Ok(cells?.into_iter().collect())
    }
}

/// A value, cut off where it is long.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Region {
    fn read(name: &str, value: Value) -> Result<Self, LayoutError> {
        let fail =
            |field: String, problem: &str, remedy: String| Err(LayoutError::new(field, problem.to_owned(), remedy));
        let path = format!("layout.regions.{}", brief(&Value::from(name)).trim_matches('"'));
        if name.is_empty() || name.len() > LONGEST {
            return fail(path, "has a name that is empty or too long", format!("use 1 to {LONGEST} bytes"));
        }
        let Value::Object(object) = value else { return fail(path, "is no object", "use {\"x\": 0, …}".to_owned()) };
        let mut region = Self::new(name);
        let mut given = BTreeSet::new();
        for (key, value) in object {
            let field = Field { region: name, key: &key, value };
            let known = region.set(&field)?;
            if !given.insert(known) {
                return Err(field.wrong("says the same again", format!("leave it out, or {known}")));
            }
        }
        Ok(region)
    }

    /// Takes one field, and gives our word for it.
    fn set(&mut self, field: &Field<'_>) -> Result<&'static str, LayoutError> {
        let far = LARGEST - i64::from(LEAST);
        let known = match field.key {
            "x" | "x_pos" => {
                self.x = field.count(0, far)?;
                "x"
            }
            "y" | "y_pos" => {
                self.y = field.count(0, far)?;
                "y"
            }
            "width" => {
                self.width = field.limit(i64::from(LEAST), LARGEST)?;
                "width"
            }
            "height" => {
                self.height = field.limit(i64::from(LEAST), LARGEST)?;
                "height"
            }
            "z" | "z_pos" => {
                self.z = i32::try_from(field.whole(-DEEPEST, DEEPEST)?).unwrap_or(0);
                "z"
            }
            "fit" => {
                self.fit = field.word("contain, cover or fill")?;
                "fit"
            }
            "max_columns" => {
                self.max_columns = field.limit(1, MOST_LINES)?;
                "max_columns"
            }
            "max_rows" => {
                self.max_rows = field.limit(1, MOST_LINES)?;
                "max_rows"
            }
            "cells_excluded" => {
                self.cells_excluded = field.cells()?;
                "cells_excluded"
            }
            "include" | "video_sources" => {
                self.include = field.patterns()?;
                "include"
            }
            "exclude" | "video_sources_excluded" => {
                self.exclude = field.patterns()?;
                "exclude"
            }
            "reuse" => {
                self.reuse = field.word::<Reuse>("none, show_oldest or show_newest")?;
                "reuse"
            }
            _ => {
                let words =
                    "use x, y, width, height, z, fit, max_columns, max_rows, cells_excluded, include, exclude or reuse";
                return Err(field.wrong("is unknown", words));
            }
        };
        Ok(known)
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self {
            name: _,
            x,
            y,
            width,
            height,
            z,
            fit,
            max_columns,
            max_rows,
            cells_excluded,
            include,
            exclude,
            reuse,
        } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("x", x)?;
        map.serialize_entry("y", y)?;
        let numbers = [("width", width), ("height", height), ("max_columns", max_columns), ("max_rows", max_rows)];
        for (key, number) in numbers {
            if let Some(number) = number {
                map.serialize_entry(key, number)?;
            }
        }
        map.serialize_entry("z", z)?;
        map.serialize_entry("fit", fit)?;
        if !cells_excluded.is_empty() {
            map.serialize_entry("cells_excluded", cells_excluded)?;
        }
        map.serialize_entry("include", include)?;
        if !exclude.is_empty() {
            map.serialize_entry("exclude", exclude)?;
        }
        map.serialize_entry("reuse", reuse)?;
        map.end()
    }
}

impl Serialize for Regions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|region| (region.name(), region)))
    }
}

impl Serialize for Layout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Regions(regions) => serializer.collect_map([("regions", &**regions)]),
            named => serializer.serialize_str(named.name()),
        }
    }
}

impl<'de> Deserialize<'de> for Regions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

/// Not by a map of the library, which would forget their order and what was given twice.
struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = Regions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("layout.regions to be an object, with the names of regions as its keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Regions, A::Error> {
        let fail = |field: String, problem: &str, remedy: &str| {
            de::Error::custom(LayoutError::new(field, problem.to_owned(), remedy.to_owned()))
        };
        let mut regions: Vec<Region> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            let region = Region::read(&name, value).map_err(de::Error::custom)?;
            if regions.iter().any(|known| known.name == name) {
                let field = format!("layout.regions.{name}");
                return Err(fail(field, "is there twice", "give each region a name of its own"));
            }
            if regions.len() == MOST_REGIONS {
                let remedy = format!("use at most {MOST_REGIONS}");
                return Err(fail("layout.regions".to_owned(), "are too many", &remedy));
            }
            regions.push(region);
        }
        if regions.is_empty() {
            return Err(fail("layout.regions".to_owned(), "are none", "give at least one"));
        }
        Ok(Regions(regions))
    }
}

impl<'de> Deserialize<'de> for Layout {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrRegions)
    }
}

struct NameOrRegions;

impl<'de> Visitor<'de> for NameOrRegions {
    type Value = Layout;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("layout to be a name, or an object with regions")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Layout, E> {
        name.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Layout, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "regions" | "video_layout" if found.is_none() => found = Some(map.next_value::<Regions>()?),
                _ => {
                    let field = format!("layout.{}", brief(&Value::from(key)).trim_matches('"'));
                    let error = LayoutError::new(field, "is unknown here".to_owned(), "use regions, once".to_owned());
                    return Err(de::Error::custom(error));
                }
            }
        }
        let missing =
            || LayoutError::new("layout.regions".to_owned(), "are missing".to_owned(), "give at least one".to_owned());
        found.map(|regions| Layout::Regions(Arc::new(regions))).ok_or_else(|| de::Error::custom(missing()))
    }
}

impl JsonSchema for Layout {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Layout".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names = Layout::NAMED.map(|layout| layout.name());
        let number = |least: i64, most: i64| json_schema!({"type": "integer", "minimum": least, "maximum": most});
        let words = || json_schema!({"type": "array", "maxItems": MOST_PATTERNS, "items": {"type": "string", "maxLength": LONGEST}});
        let (far, least) = (LARGEST - i64::from(LEAST), i64::from(LEAST));
        json_schema!({
            "description": "Who is where in the picture: a name, or regions by their names.",
            "anyOf": [
                {"type": "string", "enum": names},
                {
                    "type": "object",
                    "required": ["regions"],
                    "additionalProperties": false,
                    "properties": {
                        "regions": {
                            "type": "object",
                            "minProperties": 1,
                            "maxProperties": MOST_REGIONS,
                            "additionalProperties": {
                                "type": "object",
                                "additionalProperties": false,
                                "properties": {
                                    "x": number(0, far),
                                    "y": number(0, far),
                                    "width": number(least, LARGEST),
                                    "height": number(least, LARGEST),
                                    "z": number(-DEEPEST, DEEPEST),
                                    "fit": {"type": "string", "enum": [Fit::Contain, Fit::Cover, Fit::Fill]},
                                    "max_columns": number(1, MOST_LINES),
                                    "max_rows": number(1, MOST_LINES),
                                    "cells_excluded": {"type": "array", "maxItems": MOST_CELLS, "items": number(0, MOST_LINES * MOST_LINES - 1)},
                                    "include": words(),
                                    "exclude": words(),
                                    "reuse": {"type": "string", "enum": [Reuse::None, Reuse::ShowOldest, Reuse::ShowNewest]},
                                },
                            },
                        },
                    },
                },
            ],
        })
    }
}
