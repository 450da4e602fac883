//! The still picture below all videos: a dark canvas or a background, and a tile with initials and name for whoever shows no
//! video.

use cairo::{Context, Format, ImageSurface};

use super::layout::{Placement, Size};
use super::lettering::{Hand, Lettering};
use super::plate::{Plate, round_rectangle};
use super::style::{Background, Look};

/// Red, green and blue from 0 to 1.
type Colour = (f64, f64, f64);

const CANVAS: Colour = (0.071, 0.075, 0.090);
const PANEL: Colour = (0.137, 0.145, 0.169);
const TEXT: Colour = (0.93, 0.94, 0.96);
/// Mid tones on which white letters are readable.
const DISCS: [Colour; 6] = [
    (0.22, 0.45, 0.78),
    (0.70, 0.33, 0.38),
    (0.24, 0.55, 0.42),
    (0.56, 0.40, 0.72),
    (0.72, 0.46, 0.20),
    (0.20, 0.52, 0.60),
];
/// Between a panel and the edge of its tile, in pixels, so that neighbours stay apart where the style leaves no gap.
const GAP: f64 = 2.0;

/// A tile to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) placement: Placement,
    pub(crate) name: String,
    pub(crate) muted: bool,
}

/// The colour below everything.
pub(super) fn ground(look: &Look) -> Colour {
    match &look.style.background {
        Some(Background::Colour(colour)) => colour.parts(),
        Some(Background::Image(_)) | None => CANVAS,
    }
}

/// Draws `tiles` on an empty canvas. The result is BGRx, rows packed.
pub(crate) fn draw(canvas: Size, look: &Look, tiles: &[Tile]) -> Result<Vec<u8>, cairo::Error> {
    let side = |length: u32| i32::try_from(length).map_err(|_| cairo::Error::InvalidSize);
    let mut surface = ImageSurface::create(Format::Rgb24, side(canvas.width)?, side(canvas.height)?)?;
    let background = look.background.as_ref().filter(|image| image.size == canvas);
    if let Some(background) = background {
        surface.data().map_err(|_| cairo::Error::SurfaceFinished)?.copy_from_slice(&background.data);
    }
    {
        let context = Context::new(&surface)?;
        if background.is_none() {
            paint(&context, ground(look))?;
        }
        for tile in tiles {
            draw_tile(&context, canvas, look, tile)?;
        }
    }
    surface.flush();
    // Four bytes a pixel: cairo adds no padding, whatever the width.
    surface.data().map(|data| data.to_vec()).map_err(|_| cairo::Error::SurfaceFinished)
}

fn draw_tile(context: &Context, canvas: Size, look: &Look, tile: &Tile) -> Result<(), cairo::Error> {
    let Placement { x, y, width, height } = tile.placement;
    let size = Size { width, height };
    let (x, y, width, height) = (f64::from(x), f64::from(y), f64::from(width), f64::from(height));
    let gap = if look.style.gap > 0 { 0.0 } else { GAP };
    context.save()?;
    set(context, PANEL);
    let radius = f64::from(look.style.radius);
    round_rectangle(context, x + gap, y + gap, width - 2.0 * gap, height - 2.0 * gap, radius);
    context.clip_preserve();
    context.fill()?;

    let (centre_x, centre_y, radius) = (x + width / 2.0, y + height * 0.42, height * 0.2);
    let hash = tile.name.bytes().fold(7usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    set(context, DISCS[hash % DISCS.len()]);
    context.arc(centre_x, centre_y, radius, 0.0, std::f64::consts::TAU);
    context.fill()?;

    set(context, TEXT);
    let hand = Hand { size: radius * 0.8, bold: true, room: radius * 1.9, lines: false };
    Lettering::new(context, &initials(&tile.name), hand)?.draw_around(context, centre_x, centre_y);
    let hand = Hand { size: height * 0.085, bold: false, room: width * 0.9, lines: false };
    Lettering::new(context, &tile.name, hand)?.draw_around(context, centre_x, y + height * 0.8);
    let is_marked = tile.muted && look.style.mute_marks;
    if let Some(plate) = Plate::of(None, is_marked, canvas, size, look.style.radius) {
        plate.draw(context, x + f64::from(plate.margin), y + height - f64::from(plate.margin))?;
    }
    context.restore()
}

/// The first letters of the first and the last word.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = words.next();
    let last = words.next_back();
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

fn paint(context: &Context, colour: Colour) -> Result<(), cairo::Error> {
    set(context, colour);
    context.paint()
}

fn set(context: &Context, (red, green, blue): Colour) {
    context.set_source_rgb(red, green, blue);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_the_last_word() {
        assert_eq!(initials("Ada King Lovelace"), "AL");
        assert_eq!(initials("émile"), "É");
        assert_eq!(initials("<3 !"), "3");
        assert_eq!(initials("!!"), "");
    }

    #[test]
    fn a_tile_is_drawn_where_it_is_placed() {
        let canvas = Size { width: 640, height: 360 };
        let placement = Placement { x: 320, y: 0, width: 320, height: 180 };
        let tile = Tile { placement, name: "Zoë\u{0} long ".repeat(20), muted: false };
        let picture = draw(canvas, &Look::default(), &[tile]).unwrap_or_default();
        let pixel = |x: usize, y: usize| picture[(y * 640 + x) * 4..][..3].to_vec();
        assert_eq!(picture.len(), 640 * 360 * 4);
        assert_eq!(pixel(10, 10), [23, 19, 18]);
        assert_eq!(pixel(330, 10), [43, 37, 35]);
        let disc = (320..640)
            .flat_map(|x| (40..110).map(move |y| (x, y)))
            .filter(|(x, y)| pixel(*x, *y).iter().any(|c| *c > 90));
        assert!(disc.count() > 2000, "a disc in colour");
    }
}
