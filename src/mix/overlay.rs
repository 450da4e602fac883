//! What lies over the composed picture: round corners, plates with names and marks, a logo, a clock and text.
//!
//! Drawn on the mix's thread, and only when it changes; the compositor's thread lays it over each picture by its area alone,
//! and takes one short lock for that. Without any of it nothing is done to pictures at all.

mod ink;
mod patch;
mod sheet;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::layout::{Placement, Size};
use super::plate::Plate;
use super::style::Look;
use ink::{Corner, Ground};
pub(super) use patch::Patch;
#[cfg(test)]
pub(super) use patch::tests::Picture;
use patch::without;
use sheet::Paint;
pub(super) use sheet::{Sheet, Stamp};

/// A picture that is seen now, not a tile of the stage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sight {
    /// Where it is seen, without bars.
    pub(super) seen: Placement,
    /// The higher lies on the lower.
    pub(super) z: i32,
    /// Whose it is, if it does not say so itself.
    pub(super) name: Option<String>,
    pub(super) muted: bool,
    /// Whether it lies on somebody else's place.
    pub(super) on_another: bool,
}

/// What is drawn, so that it need not be drawn again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Plate(Plate),
    Corner(Corner),
}

/// All that lies over the picture of a mix.
#[derive(Debug)]
pub(super) struct Overlay {
    canvas: Size,
    /// By how much what is seen is older than now.
    late: Duration,
    ground: Ground,
    drawn: HashMap<Key, Arc<Patch>>,
    fixed: Vec<Stamp>,
    clock: Option<(String, Stamp)>,
    sights: Vec<Sight>,
    is_stale: bool,
}

impl Overlay {
    pub(super) fn new(canvas: Size, late: Duration) -> Self {
        let (drawn, ground) = (HashMap::new(), Ground::default());
        Self { canvas, late, ground, drawn, fixed: Vec::new(), clock: None, sights: Vec::new(), is_stale: false }
    }

    /// Looks otherwise from now on.
    pub(super) fn set_look(&mut self, look: &Look) -> Result<(), cairo::Error> {
        self.drawn.clear();
        self.fixed.clear();
        self.clock = None;
        self.is_stale = true;
        self.ground = Ground::new(look)?;
        if let (Some(bitmap), Some(logo)) = (&look.logo, &look.style.logo) {
            let patch = ink::picture(bitmap, (logo.x & 1, logo.y & 1))?;
            self.fixed.push(Stamp::plain(self.canvas, patch, (logo.x & !1, logo.y & !1)));
        }
        for text in &look.style.text {
            let room = self.canvas.width.saturating_sub(text.x);
            let (patch, at) = ink::text(&text.text, text.size, text.color, room, (text.x, text.y))?;
            self.fixed.push(Stamp::plain(self.canvas, patch, at));
        }
        Ok(())
    }

    /// What lies over the picture now that these are seen; nothing if that is as it was.
    pub(super) fn update(&mut self, look: &Look, sights: Vec<Sight>) -> Result<Option<Vec<Stamp>>, cairo::Error> {
        if self.tick(look)? || self.sights != sights {
            self.is_stale = true;
        }
        if !std::mem::take(&mut self.is_stale) {
            return Ok(None);
        }
        self.sights = sights;
        let mut used = HashMap::new();
        let mut stamps = Vec::new();
        let mut order: Vec<&Sight> = self.sights.iter().collect();
        order.sort_by_key(|sight| sight.z);
        for (index, sight) in order.iter().enumerate() {
            let above: Vec<Placement> =
                order[index + 1..].iter().filter(|other| other.z > sight.z).map(|other| other.seen).collect();
            let mut put = |patch: &Arc<Patch>, at, paint| {
                stamps.push(Stamp::new(self.canvas, Arc::clone(patch), at, &above, paint));
            };
            let radius = look.style.radius.min(sight.seen.width / 2).min(sight.seen.height / 2);
            if radius > 0 {
                for corner in Corner::all(sight.seen, radius, self.ground.is_image() && !sight.on_another) {
                    let key = Key::Corner(corner);
                    let patch = match self.drawn.get(&key) {
                        Some(patch) => Arc::clone(patch),
                        None => Arc::new(ink::corner(sight.seen, corner, &self.ground)?),
                    };
                    // Between a picture and the one below it there is no background.
                    let paint = match (sight.on_another, corner.is_left()) {
                        (false, _) => Paint::Own,
                        (true, true) => Paint::FromLeft,
                        (true, false) => Paint::FromRight,
                    };
                    put(&patch, corner.at(sight.seen), paint);
                    used.insert(key, patch);
                }
            }
            let size = Size { width: sight.seen.width, height: sight.seen.height };
            let name = sight.name.clone().filter(|_| look.style.labels);
            let is_marked = sight.muted && look.style.mute_marks;
            if let Some(plate) = Plate::of(name, is_marked, self.canvas, size, look.style.radius) {
                let bottom = (sight.seen.y + sight.seen.height).saturating_sub(plate.margin);
                let at = (sight.seen.x + plate.margin, bottom.saturating_sub(plate.height()));
                let key = Key::Plate(plate);
                let patch = match (self.drawn.get(&key), &key) {
                    (Some(patch), _) => Arc::clone(patch),
                    (None, Key::Plate(plate)) => Arc::new(ink::plate(plate)?),
                    (None, Key::Corner(_)) => continue,
                };
                put(&patch, (at.0 & !1, at.1 & !1), Paint::Own);
                used.insert(key, patch);
            }
        }
        self.drawn = used;
        stamps.extend(self.fixed.iter().cloned());
        stamps.extend(self.clock.iter().map(|(_, stamp)| stamp.clone()));
        Ok(Some(stamps))
    }

    /// Lets the clock go on. Says whether it shows something new.
    fn tick(&mut self, look: &Look) -> Result<bool, cairo::Error> {
        let Some(clock) = &look.style.clock else { return Ok(false) };
        // The checked format gave a text before.
        let text = clock.text(self.late).unwrap_or_default();
        if self.clock.as_ref().is_some_and(|(shown, _)| *shown == text) {
            return Ok(false);
        }
        let room = self.canvas.width.saturating_sub(clock.x);
        let (patch, at) = ink::text(&text, clock.size, clock.color, room, (clock.x, clock.y))?;
        self.clock = Some((text, Stamp::plain(self.canvas, patch, at)));
        Ok(true)
    }
}

impl Stamp {
    fn plain(canvas: Size, patch: Patch, at: (u32, u32)) -> Self {
        Self::new(canvas, Arc::new(patch), at, &[], Paint::Own)
    }

    fn new(canvas: Size, patch: Arc<Patch>, at: (u32, u32), holes: &[Placement], paint: Paint) -> Self {
        let (x, y) = at;
        let width = patch.width.min((canvas.width & !1).saturating_sub(x));
        let height = patch.height.min((canvas.height & !1).saturating_sub(y));
        let whole = Placement { x, y, width, height };
        let parts = if width == 0 || height == 0 {
            Vec::new()
        } else {
            without(whole, &holes.iter().copied().map(widened).collect::<Vec<_>>())
        };
        Self { patch, at, parts, paint }
    }
}

/// Pictures may have odd sides; chroma has not.
fn widened(Placement { x, y, width, height }: Placement) -> Placement {
    Placement { x: x & !1, y: y & !1, width: (width + 1) & !1, height: (height + 1) & !1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mix::style::Assets;
    use serde_json::{Value, json};

    const CANVAS: Size = Size { width: 320, height: 180 };
    const GREY: [u8; 3] = [120, 128, 128];

    fn sight(x: u32, y: u32, width: u32, height: u32, z: i32) -> Sight {
        let seen = Placement { x, y, width, height };
        Sight { seen, z, name: Some("Somebody".into()), muted: true, on_another: z > 0 }
    }

    fn laid(style: &Value, sights: &[Sight], picture: &mut Picture) -> usize {
        let style = serde_json::from_value(style.clone()).unwrap();
        let (look, _) = Assets::default().dress(&style, CANVAS);
        let mut overlay = Overlay::new(CANVAS, Duration::ZERO);
        overlay.set_look(&look).unwrap();
        let stamps = overlay.update(&look, sights.to_vec()).unwrap().unwrap();
        stamps.iter().for_each(|stamp| picture.stamp(stamp));
        stamps.len()
    }

    #[test]
    fn nothing_is_laid_over_what_needs_nothing() {
        let sights = [sight(0, 0, 320, 180, 0)];
        for plain in [json!({}), json!({"gap": 8, "background": "#ff0000"})] {
            assert_eq!(laid(&plain, &sights, &mut Picture::new(320, 180, GREY)), 0, "{plain}");
        }
        let labels = json!({"labels": true, "mute_marks": true});
        let small = [sight(0, 0, 64, 36, 0)];
        assert_eq!(laid(&labels, &small, &mut Picture::new(320, 180, GREY)), 0, "no room for letters");
        let nameless = [Sight { name: None, muted: false, ..sight(0, 0, 320, 180, 0) }];
        assert_eq!(laid(&labels, &nameless, &mut Picture::new(320, 180, GREY)), 0);
    }

    #[test]
    fn what_lies_on_a_tile_lies_on_its_name() {
        let labels = json!({"labels": true});
        let large = sight(0, 0, 320, 180, 0);
        let mut alone = Picture::new(320, 180, GREY);
        laid(&labels, std::slice::from_ref(&large), &mut alone);
        let plate: Vec<(u32, u32)> =
            (0..180).flat_map(|y| (0..320).map(move |x| (x, y))).filter(|(x, y)| alone.pixel(*x, *y) != GREY).collect();
        let (left, top) = (plate.iter().map(|at| at.0).min().unwrap(), plate.iter().map(|at| at.1).min().unwrap());
        let right = plate.iter().map(|at| at.0).max().unwrap();
        assert!(plate.len() > 300 && left < 12 && top > 150 && right < 160, "{left}, {top}, {right}");
        // One without a name over its middle.
        let above = Sight { name: None, muted: false, ..sight(above_left(left), 140, 20, 40, 1) };
        let mut both = Picture::new(320, 180, GREY);
        laid(&labels, &[above, large], &mut both);
        for (x, y) in plate {
            let is_covered = (above_left(left)..above_left(left) + 20).contains(&x);
            assert_eq!(
                both.pixel(x, y)[0] == alone.pixel(x, y)[0],
                !is_covered || alone.pixel(x, y)[0] == GREY[0],
                "{x}, {y}"
            );
        }
    }

    fn above_left(left: u32) -> u32 {
        (left + 20) & !1
    }

    #[test]
    fn corners_have_the_colour_of_the_ground_or_of_what_is_beside_them() {
        let round = json!({"radius": 20, "background": "#ff0000"});
        let red = |picture: &Picture, x, y| picture.pixel(x, y)[2] > 200;
        let mut picture = Picture::new(320, 180, GREY);
        laid(&round, &[sight(20, 20, 200, 120, 0)], &mut picture);
        for (x, y) in [(20, 20), (219, 20), (20, 139), (219, 139)] {
            assert!(red(&picture, x, y), "{x}, {y}");
        }
        for (x, y) in [(19, 20), (20, 19), (220, 20), (219, 140), (40, 20), (20, 40), (28, 28), (211, 131)] {
            assert_eq!(picture.pixel(x, y), GREY, "{x}, {y}");
        }
        // On somebody else there is no ground.
        let mut picture = Picture::new(320, 180, GREY);
        picture.planes[0].chunks_exact_mut(320).for_each(|row| row[200..].fill(200));
        laid(&round, &[sight(200, 100, 100, 60, 1)], &mut picture);
        assert_eq!(picture.pixel(200, 100), GREY, "as it is left of it");
        assert_eq!(picture.pixel(299, 100)[0], 200, "as it is right of it");
        assert_eq!(picture.pixel(230, 130)[0], 200);
    }
}
