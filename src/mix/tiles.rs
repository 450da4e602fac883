//! The still picture below all videos: a dark canvas, and a tile with initials and name for whoever shows no video.

use cairo::{Context, FontSlant, FontWeight, Format, ImageSurface};

use super::layout::{Placement, Size};

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
/// Between a panel and the edge of its tile, in pixels, so that neighbours stay apart.
const GAP: f64 = 2.0;

/// A tile to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) placement: Placement,
    pub(crate) name: String,
}

/// Draws `tiles` on an empty canvas. The result is BGRx, rows packed.
pub(crate) fn draw(canvas: Size, tiles: &[Tile]) -> Result<Vec<u8>, cairo::Error> {
    let side = |length: u32| i32::try_from(length).map_err(|_| cairo::Error::InvalidSize);
    let mut surface = ImageSurface::create(Format::Rgb24, side(canvas.width)?, side(canvas.height)?)?;
    {
        let context = Context::new(&surface)?;
        paint(&context, CANVAS)?;
        for tile in tiles {
            draw_tile(&context, tile)?;
        }
    }
    surface.flush();
    // Four bytes a pixel: cairo adds no padding, whatever the width.
    surface.data().map(|data| data.to_vec()).map_err(|_| cairo::Error::SurfaceFinished)
}

fn draw_tile(context: &Context, tile: &Tile) -> Result<(), cairo::Error> {
    let Placement { x, y, width, height } = tile.placement;
    let (x, y, width, height) = (f64::from(x), f64::from(y), f64::from(width), f64::from(height));
    set(context, PANEL);
    context.rectangle(x + GAP, y + GAP, width - 2.0 * GAP, height - 2.0 * GAP);
    context.fill()?;
    context.save()?;
    context.rectangle(x + GAP, y + GAP, width - 2.0 * GAP, height - 2.0 * GAP);
    context.clip();

    let (centre_x, centre_y, radius) = (x + width / 2.0, y + height * 0.42, height * 0.2);
    let hash = tile.name.bytes().fold(7usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    set(context, DISCS[hash % DISCS.len()]);
    context.arc(centre_x, centre_y, radius, 0.0, std::f64::consts::TAU);
    context.fill()?;

    set(context, TEXT);
    context.select_font_face("sans-serif", FontSlant::Normal, FontWeight::Bold);
    centred(context, &initials(&tile.name), centre_x, centre_y, radius * 0.8, radius * 1.6)?;
    context.select_font_face("sans-serif", FontSlant::Normal, FontWeight::Normal);
    centred(context, &tile.name, centre_x, y + height * 0.8, height * 0.085, width * 0.9)?;
    context.restore()
}

/// One line of text around a point, made smaller if it would be wider than `room`.
fn centred(context: &Context, text: &str, x: f64, y: f64, size: f64, room: f64) -> Result<(), cairo::Error> {
    // Cairo takes C strings.
    let text = text.replace('\0', "");
    context.set_font_size(size);
    let wide = context.text_extents(&text)?.width();
    if wide > room {
        context.set_font_size(size * room / wide);
    }
    let extents = context.text_extents(&text)?;
    context.move_to(x - extents.width() / 2.0 - extents.x_bearing(), y - extents.height() / 2.0 - extents.y_bearing());
    context.show_text(&text)
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
        let picture = draw(canvas, &[Tile { placement, name: "Zoë\u{0} long ".repeat(20) }]).unwrap_or_default();
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
