//! What says who is shown, and whether they are muted: a dark plate that is readable on any picture.

use cairo::{Context, LineCap};

use super::layout::Size;
use super::lettering::{Hand, Lettering};

const PLATE: (f64, f64, f64, f64) = (0.04, 0.045, 0.06, 0.68);
const LETTERS: (f64, f64, f64) = (0.96, 0.97, 0.98);
const MUTED: (f64, f64, f64) = (1.0, 0.42, 0.40);
/// Below this size letters cannot be read.
const LEAST: f64 = 9.0;

/// What a plate says, and how large it is. Those that are equal look equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Plate {
    pub(super) name: Option<String>,
    pub(super) muted: bool,
    /// The size of its letters, in pixels.
    letters: u32,
    /// The most that it may be wide.
    room: u32,
    /// From the edges of its tile.
    pub(super) margin: u32,
}

impl Plate {
    /// That of a tile of size `tile` with corners of `radius`, if it says anything and there is room for it.
    pub(super) fn of(name: Option<String>, muted: bool, canvas: Size, tile: Size, radius: u32) -> Option<Self> {
        if name.is_none() && !muted {
            return None;
        }
        let usual = f64::from(canvas.width.min(canvas.height)) / 36.0;
        let letters = usual.max(11.0).min(f64::from(tile.height) / 6.0);
        let round = f64::from(radius.min(tile.width / 2).min(tile.height / 2));
        // Away from where the corner is cut.
        let margin = (letters * 0.45).max(round * 0.3 + 2.0).round();
        let room = f64::from(tile.width) - 2.0 * margin;
        let is_fit = letters >= LEAST && room >= letters * 3.0;
        is_fit.then_some(Self { name, muted, letters: letters as u32, room: room as u32, margin: margin as u32 })
    }

    fn padding(&self) -> f64 {
        f64::from(self.letters) * 0.45
    }

    /// The most that it may be wide.
    pub(super) fn room(&self) -> u32 {
        self.room
    }

    pub(super) fn height(&self) -> u32 {
        (f64::from(self.letters) * 1.55).round() as u32
    }

    /// Draws it with its lower left corner at a point. Says how wide it is.
    pub(super) fn draw(&self, context: &Context, x: f64, bottom: f64) -> Result<f64, cairo::Error> {
        let (letters, height, padding) = (f64::from(self.letters), f64::from(self.height()), self.padding());
        let mark = if self.muted { letters } else { 0.0 };
        let between = if self.muted && self.name.is_some() { padding * 0.7 } else { 0.0 };
        let room = f64::from(self.room) - 2.0 * padding - mark - between;
        let hand = Hand { size: letters, bold: false, room, lines: false };
        let name = self.name.as_ref().map(|name| Lettering::new(context, name, hand)).transpose()?;
        let wide = name.as_ref().map_or(0.0, |name| name.width.min(room));
        let width = wide + mark + between + 2.0 * padding;
        let top = bottom - height;
        round_rectangle(context, x, top, width, height, height * 0.25);
        context.set_source_rgba(PLATE.0, PLATE.1, PLATE.2, PLATE.3);
        context.fill()?;
        if self.muted {
            context.set_source_rgb(MUTED.0, MUTED.1, MUTED.2);
            microphone(context, x + padding, top + (height - letters) / 2.0, letters)?;
        }
        if let Some(name) = name {
            context.set_source_rgb(LETTERS.0, LETTERS.1, LETTERS.2);
            name.draw(context, x + padding + mark + between, top + (height - name.height) / 2.0);
        }
        Ok(width)
    }
}

/// A microphone that is crossed out, in a square.
fn microphone(context: &Context, x: f64, y: f64, side: f64) -> Result<(), cairo::Error> {
    let centre = x + side / 2.0;
    context.set_line_cap(LineCap::Round);
    context.set_line_width(side * 0.09);
    round_rectangle(context, centre - side * 0.15, y + side * 0.06, side * 0.3, side * 0.52, side * 0.15);
    context.fill()?;
    context.new_sub_path();
    context.arc(centre, y + side * 0.43, side * 0.29, 0.0, std::f64::consts::PI);
    context.move_to(centre, y + side * 0.72);
    context.line_to(centre, y + side * 0.9);
    context.move_to(centre - side * 0.17, y + side * 0.92);
    context.line_to(centre + side * 0.17, y + side * 0.92);
    context.stroke()?;
    context.set_line_width(side * 0.11);
    context.move_to(x + side * 0.1, y + side * 0.1);
    context.line_to(x + side * 0.9, y + side * 0.9);
    context.stroke()
}

/// Makes a rectangle with round corners the path.
pub(super) fn round_rectangle(context: &Context, x: f64, y: f64, width: f64, height: f64, radius: f64) {
    use std::f64::consts::{FRAC_PI_2, PI};
    let radius = radius.min(width / 2.0).min(height / 2.0).max(0.0);
    let (right, bottom) = (x + width, y + height);
    context.new_sub_path();
    context.arc(right - radius, y + radius, radius, -FRAC_PI_2, 0.0);
    context.arc(right - radius, bottom - radius, radius, 0.0, FRAC_PI_2);
    context.arc(x + radius, bottom - radius, radius, FRAC_PI_2, PI);
    context.arc(x + radius, y + radius, radius, PI, PI + FRAC_PI_2);
    context.close_path();
}
