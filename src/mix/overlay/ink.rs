//! Draws the patches.

use cairo::{Context, FillRule, Format, ImageSurface, LineJoin};

use super::patch::Patch;
use crate::mix::layout::Placement;
use crate::mix::lettering::{Hand, Lettering};
use crate::mix::plate::{Plate, round_rectangle};
use crate::mix::style::{Bitmap, Colour, Look};
use crate::mix::tiles;

/// What lies below the tiles.
#[derive(Debug, Default)]
pub(super) struct Ground {
    colour: (f64, f64, f64),
    image: Option<ImageSurface>,
}

impl Ground {
    pub(super) fn new(look: &Look) -> Result<Self, cairo::Error> {
        let is_needed = look.style.radius > 0;
        let image = look.background.as_ref().filter(|_| is_needed).map(|bitmap| surface(bitmap)).transpose()?;
        Ok(Self { colour: tiles::ground(look), image })
    }

    pub(super) fn is_image(&self) -> bool {
        self.image.is_some()
    }
}

/// What of a tile's corner is outside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Corner {
    right: bool,
    low: bool,
    radius: u32,
    /// Whether the sides of the tile are odd.
    odd: (bool, bool),
    /// Where the tile is, if that matters.
    tile: Option<Placement>,
}

impl Corner {
    /// The corners of a tile. `is_placed` if they look different from place to place.
    pub(super) fn all(tile: Placement, radius: u32, is_placed: bool) -> [Self; 4] {
        let odd = (tile.width & 1 == 1, tile.height & 1 == 1);
        let tile = is_placed.then_some(tile);
        [(false, false), (true, false), (false, true), (true, true)].map(|(right, low)| Self {
            right,
            low,
            radius,
            odd,
            tile,
        })
    }

    pub(super) fn is_left(self) -> bool {
        !self.right
    }

    /// Its upper left corner.
    pub(super) fn at(self, tile: Placement) -> (u32, u32) {
        let side = |is_far: bool, from: u32, length: u32| {
            if is_far { (from + length).saturating_sub(self.radius) & !1 } else { from }
        };
        (side(self.right, tile.x, tile.width), side(self.low, tile.y, tile.height))
    }

    fn side(self) -> u32 {
        // To even numbers at both ends.
        (self.radius + 3) & !1
    }
}

/// Draws on something transparent with even sides.
fn patch(
    width: u32,
    height: u32,
    draw: impl FnOnce(&Context) -> Result<f64, cairo::Error>,
) -> Result<Patch, cairo::Error> {
    let (width, height) = ((width.max(1) + 1) & !1, (height.max(1) + 1) & !1);
    let side = |length: u32| i32::try_from(length).map_err(|_| cairo::Error::InvalidSize);
    let mut surface = ImageSurface::create(Format::ARgb32, side(width)?, side(height)?)?;
    let used = {
        let context = Context::new(&surface)?;
        draw(&context)?
    };
    surface.flush();
    let stride = usize::try_from(surface.stride()).map_err(|_| cairo::Error::InvalidStride)?;
    let used = ((used.max(1.0).ceil() as u32 + 1) & !1).min(width);
    let data = surface.data().map_err(|_| cairo::Error::SurfaceFinished)?;
    Ok(Patch::from_bgra(&data, stride, used, height))
}

/// What of a corner is not of its tile, as the ground looks there.
pub(super) fn corner(tile: Placement, corner: Corner, ground: &Ground) -> Result<Patch, cairo::Error> {
    let (x, y) = corner.at(tile);
    let (x, y) = (f64::from(x), f64::from(y));
    let side = corner.side();
    patch(side, side, |context| {
        match &ground.image {
            Some(image) if corner.tile.is_some() => context.set_source_surface(image, -x, -y)?,
            _ => context.set_source_rgb(ground.colour.0, ground.colour.1, ground.colour.2),
        }
        context.translate(-x, -y);
        context.set_fill_rule(FillRule::EvenOdd);
        let [left, top, width, height] = [tile.x, tile.y, tile.width, tile.height].map(f64::from);
        let (right, bottom) = (left + width, top + height);
        // Just the corner: what is beyond the tile's edges is not ours.
        let radius = f64::from(corner.radius);
        let box_x = if corner.right { right - radius } else { left };
        let box_y = if corner.low { bottom - radius } else { top };
        context.rectangle(box_x, box_y, radius, radius);
        context.clip();
        context.rectangle(left, top, width, height);
        round_rectangle(context, left, top, width, height, radius);
        context.fill()?;
        Ok(f64::from(side))
    })
}

/// A plate with a name, a mark or both.
pub(super) fn plate(plate: &Plate) -> Result<Patch, cairo::Error> {
    patch(plate.room(), plate.height(), |context| plate.draw(context, 0.0, f64::from(plate.height())))
}

/// A picture, moved by a pixel where its place is odd.
pub(super) fn picture(bitmap: &Bitmap, (right, down): (u32, u32)) -> Result<Patch, cairo::Error> {
    let (width, height) = (bitmap.size.width + right, bitmap.size.height + down);
    let image = surface(bitmap)?;
    patch(width, height, |context| {
        context.set_source_surface(&image, f64::from(right), f64::from(down))?;
        context.paint()?;
        Ok(f64::from(width))
    })
}

/// Text with an outline, so that it can be read on anything; and where it lies, its upper left corner being at `at`.
pub(super) fn text(
    text: &str,
    size: u32,
    colour: Colour,
    room: u32,
    at: (u32, u32),
) -> Result<(Patch, (u32, u32)), cairo::Error> {
    let edge = (f64::from(size) / 10.0).max(1.0);
    let hand = Hand { size: f64::from(size), bold: true, room: f64::from(room).max(1.0), lines: true };
    // As much as may be needed: how much it is, is known only when it is set.
    let scratch = ImageSurface::create(Format::A8, 1, 1)?;
    let measured = Lettering::new(&Context::new(&scratch)?, text, hand)?;
    let (width, height) = (measured.width + 2.0 * edge + 4.0, measured.height + 2.0 * edge + 4.0);
    // The outline goes beyond the corner, where there is room.
    let start = |at: u32| (f64::from(at) - edge).max(0.0) as u32 & !1;
    let (x, y) = (start(at.0), start(at.1));
    // Cairo's largest, and more than any canvas.
    let side = |length: f64| length.ceil().min(8192.0) as u32;
    let patch = patch(side(width), side(height), |context| {
        let lettering = Lettering::new(context, text, hand)?;
        lettering.outline(context, f64::from(at.0 - x), f64::from(at.1 - y));
        let shade = if colour.is_light() { 0.0 } else { 1.0 };
        context.set_source_rgba(shade, shade, shade, 0.6);
        context.set_line_width(2.0 * edge);
        context.set_line_join(LineJoin::Round);
        context.stroke_preserve()?;
        let (red, green, blue) = colour.parts();
        context.set_source_rgb(red, green, blue);
        context.fill()?;
        Ok(width)
    })?;
    Ok((patch, (x, y)))
}

fn surface(bitmap: &Bitmap) -> Result<ImageSurface, cairo::Error> {
    let side = |length: u32| i32::try_from(length).map_err(|_| cairo::Error::InvalidSize);
    let (width, height) = (side(bitmap.size.width)?, side(bitmap.size.height)?);
    ImageSurface::create_for_data(bitmap.data.clone(), Format::ARgb32, width, height, width * 4)
}
