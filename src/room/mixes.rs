//! What the room's mixes are, whether they run or not: pure.
//!
//! Some are made by name; the one called `default` always is. Others are only asked for by a layout, and known for as long as
//! something takes them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize};

use serde_json::Value;

use super::error::MixesError;
use crate::config;
use crate::id::MixName;
use crate::media::description::Values;
use crate::mix::Placed;
use crate::mix::layout::{Layout, Pattern, Size};
use crate::mix::scene::Scene;
use crate::mix::style::Style;

/// How many may be made by name.
const MOST: usize = 32;
/// The sides of a canvas, in pixels, and the bitrate.
const SIDES: std::ops::RangeInclusive<u32> = 64..=3840;
const KBPS: std::ops::RangeInclusive<u32> = 50..=50_000;
/// How the names of those begin that are arranged in regions and have no name of their own.
const REGIONS: &str = "regions-";

/// How a mix is made. What is not said is as the operator set it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Definition {
    width: Option<u32>,
    height: Option<u32>,
    fps: Option<u32>,
    video_kbps: Option<u32>,
    pub(super) scene: Scene,
    pub(super) style: Style,
}

impl Definition {
    /// The numbers of its pipeline.
    pub(super) fn values(&self, usual: &config::Mix) -> Values {
        let fps = self.fps.unwrap_or(usual.fps);
        let given = Size { width: self.width.unwrap_or(usual.width), height: self.height.unwrap_or(usual.height) };
        // Who says a size means it.
        let Size { width, height } =
            if self.width.is_some() || self.height.is_some() { given } else { self.scene.layout.canvas(given) };
        let video_kbps = self.video_kbps.unwrap_or(usual.video_kbps);
        Values { width, height, fps, gop: fps, video_kbps, audio_bps: usual.audio_kbps * 1000 }
    }

    /// Refuses what cannot be had.
    pub(super) fn check(&self, usual: &config::Mix) -> Result<(), MixesError> {
        let wrong = |field: &str, message: String| Err(MixesError::Refused { field: field.to_owned(), message });
        for (field, side) in [("width", self.width), ("height", self.height)] {
            if let Some(side) = side.filter(|side| !SIDES.contains(side) || side % 2 == 1) {
                let (least, most) = (SIDES.start(), SIDES.end());
                return wrong(field, format!("{field} is {side}: use an even number from {least} to {most}"));
            }
        }
        if let Some(fps) = self.fps.filter(|fps| !(1..=60).contains(fps)) {
            return wrong("fps", format!("fps is {fps}: use 1 to 60"));
        }
        if let Some(kbps) = self.video_kbps.filter(|kbps| !KBPS.contains(kbps)) {
            let (least, most) = (KBPS.start(), KBPS.end());
            return wrong("videoKbps", format!("videoKbps is {kbps}: use {least} to {most}"));
        }
        let Values { width, height, .. } = self.values(usual);
        let canvas = Size { width, height };
        let refused = |field: &str, message: String| MixesError::Refused { field: field.to_owned(), message };
        self.scene.check(canvas).map_err(|error| refused(error.field, error.to_string()))?;
        self.style.check(canvas).map_err(|error| refused(error.field(), error.to_string()))
    }

    /// What of `other` a running mix cannot become.
    pub(super) fn fixed(&self, other: &Self) -> Option<&'static str> {
        let numbers =
            |of: &Self| [("width", of.width), ("height", of.height), ("fps", of.fps), ("videoKbps", of.video_kbps)];
        let mut pairs = numbers(self).into_iter().zip(numbers(other));
        pairs.find(|(now, then)| now != then).map(|((field, _), _)| field)
    }
}

/// What somebody wants a mix to be. What is not named stays as it is; null is as it was at first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Change {
    /// Its name, where it is made.
    pub name: Option<MixName>,
    #[serde(deserialize_with = "said")]
    width: Option<Option<u32>>,
    #[serde(deserialize_with = "said")]
    height: Option<Option<u32>>,
    #[serde(deserialize_with = "said")]
    fps: Option<Option<u32>>,
    #[serde(deserialize_with = "said")]
    video_kbps: Option<Option<u32>>,
    #[serde(deserialize_with = "said")]
    layout: Option<Option<Layout>>,
    #[serde(deserialize_with = "said")]
    include: Option<Option<Vec<Pattern>>>,
    #[serde(deserialize_with = "said")]
    exclude: Option<Option<Vec<Pattern>>>,
    #[serde(deserialize_with = "said")]
    hide: Option<Option<Vec<Pattern>>>,
    #[serde(deserialize_with = "said")]
    pins: Option<Option<Vec<Pattern>>>,
    #[serde(deserialize_with = "said")]
    labels: Option<Option<BTreeMap<String, String>>>,
    /// Of its parts, too, only those change that are named.
    #[serde(deserialize_with = "said")]
    style: Option<Option<Value>>,
}

/// Tells null from nothing.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Change {
    /// What becomes of a mix by it.
    ///
    /// # Errors
    /// When there is no such style.
    pub(super) fn of(self, now: &Definition) -> Result<Definition, MixesError> {
        fn number(now: Option<u32>, said: Option<Option<u32>>) -> Option<u32> {
            said.unwrap_or(now)
        }
        fn value<T: Clone + Default>(now: &T, said: Option<Option<T>>) -> T {
            said.map_or_else(|| now.clone(), Option::unwrap_or_default)
        }
        let style = match self.style {
            None => now.style.clone(),
            Some(None) => Style::default(),
            Some(Some(change)) => restyled(&now.style, &change)?,
        };
        Ok(Definition {
            width: number(now.width, self.width),
            height: number(now.height, self.height),
            fps: number(now.fps, self.fps),
            video_kbps: number(now.video_kbps, self.video_kbps),
            scene: Scene {
                layout: value(&now.scene.layout, self.layout),
                include: value(&now.scene.include, self.include),
                exclude: value(&now.scene.exclude, self.exclude),
                hide: value(&now.scene.hide, self.hide),
                pins: value(&now.scene.pins, self.pins),
                labels: value(&now.scene.labels, self.labels),
            },
            style,
        })
    }

    /// The style that it speaks of by itself, if it does: with images that may have to be read before anything else.
    #[must_use]
    pub fn style(&self) -> Option<Style> {
        Style::from_value(self.style.clone()??).ok()
    }
}

/// RFC 7396: what is not named stays.
fn restyled(now: &Style, change: &Value) -> Result<Style, MixesError> {
    let refused = |field: &str, message: String| MixesError::Refused { field: field.to_owned(), message };
    let mut style = serde_json::to_value(now).map_err(|error| refused("style", error.to_string()))?;
    json_patch::merge(&mut style, change);
    Style::from_value(style).map_err(|error| refused(error.field(), error.to_string()))
}

/// A mix, as people are told of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Described {
    name: MixName,
    /// Whether something takes it.
    running: bool,
    width: u32,
    height: u32,
    fps: u32,
    video_kbps: u32,
    #[serde(flatten)]
    scene: Scene,
    style: Style,
    /// Who is where while it runs.
    placements: Vec<Placed>,
}

impl Described {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &MixName {
        &self.name
    }

    /// A mix that runs with `running`, or does not.
    pub(super) fn new(
        name: &MixName,
        definition: &Definition,
        running: Option<(Values, Vec<Placed>)>,
        usual: &config::Mix,
    ) -> Self {
        let is_running = running.is_some();
        let (values, placements) = running.unwrap_or_else(|| (definition.values(usual), Vec::new()));
        let Values { width, height, fps, video_kbps, .. } = values;
        let (name, scene, style) = (name.clone(), definition.scene.clone(), definition.style.clone());
        Self { name, running: is_running, width, height, fps, video_kbps, scene, style, placements }
    }
}

/// Which mix an output or a recording takes: `default`, if nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pick {
    /// By its name.
    pub mix: Option<MixName>,
    /// Or one of that layout, for whoever wants the same.
    pub layout: Option<Layout>,
}

/// All that are known.
#[derive(Debug)]
pub(super) struct Mixes {
    made: BTreeMap<MixName, Definition>,
    /// Those that are known by their layout only.
    implied: BTreeMap<MixName, Definition>,
}

impl Default for Mixes {
    fn default() -> Self {
        Self { made: BTreeMap::from([(MixName::default(), Definition::default())]), implied: BTreeMap::new() }
    }
}

impl Mixes {
    pub(super) fn get(&self, name: &MixName) -> Option<&Definition> {
        self.made.get(name).or_else(|| self.implied.get(name))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&MixName, &Definition)> {
        self.made.iter().chain(&self.implied)
    }

    /// The mix that is meant, which is known from now on.
    pub(super) fn pick(&mut self, pick: Pick) -> Result<MixName, MixesError> {
        let layout = match pick {
            Pick { mix: Some(_), layout: Some(_) } => {
                let message = "there are both mix and layout: a mix has its own layout, so leave one of them out";
                return Err(MixesError::Refused { field: "layout".into(), message: message.into() });
            }
            Pick { mix: None, layout: None } => return Ok(MixName::default()),
            Pick { mix: None, layout: Some(layout) } => layout,
            Pick { mix: Some(name), layout: None } => {
                if self.get(&name).is_some() {
                    return Ok(name);
                }
                // So that it has the same address before and after.
                name.as_str().parse().map_err(|_| MixesError::Unknown(name))?
            }
        };
        let name = implied_name(&layout);
        self.implied
            .entry(name.clone())
            .or_insert_with(|| Definition { scene: Scene::of(layout), ..Definition::default() });
        Ok(name)
    }

    /// Makes one.
    pub(super) fn make(&mut self, name: MixName, definition: Definition) -> Result<(), MixesError> {
        if self.made.contains_key(&name) {
            return Err(MixesError::Exists(name));
        }
        if name.as_str().starts_with(REGIONS) || name.as_str().parse::<Layout>().is_ok() {
            return Err(MixesError::Refused {
                field: "name".into(),
                message: format!("{name} is the name of a layout: give the mix another name"),
            });
        }
        if self.made.len() >= MOST {
            return Err(MixesError::TooMany(MOST));
        }
        self.made.insert(name, definition);
        Ok(())
    }

    /// Changes one that was made.
    pub(super) fn change(&mut self, name: &MixName, definition: Definition) {
        if let Some(made) = self.made.get_mut(name) {
            *made = definition;
        }
    }

    /// One that was made by name.
    pub(super) fn made(&self, name: &MixName) -> Result<&Definition, MixesError> {
        self.made.get(name).ok_or_else(|| match self.implied.contains_key(name) {
            true => MixesError::Implied(name.clone()),
            false => MixesError::Unknown(name.clone()),
        })
    }

    /// Those that are known by their layout only.
    pub(super) fn implied(&self) -> impl Iterator<Item = &MixName> {
        self.implied.keys()
    }

    pub(super) fn forget(&mut self, name: &MixName) {
        self.made.remove(name);
        self.implied.remove(name);
    }
}

fn implied_name(layout: &Layout) -> MixName {
    let name = match layout {
        Layout::Regions(_) => {
            let mut hasher = DefaultHasher::new();
            layout.hash(&mut hasher);
            format!("{REGIONS}{:016x}", hasher.finish())
        }
        named => named.name().to_owned(),
    };
    // All of these are names.
    MixName::parse(&name).unwrap_or_default()
}

#[cfg(test)]
#[path = "mixes_tests.rs"]
mod tests;
