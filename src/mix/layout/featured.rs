//! One source large, the others in a strip at the edge.

use super::{Placement, Size, even};

/// Into how many parts a side of the canvas is cut; the strip has one of them.
const PARTS: u32 = 5;

/// Where the strip is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Right,
    Bottom,
}

/// One large place, and `count` tiles of the canvas' own shape in a strip along `edge`, centred. The strip keeps its size:
/// more than five make its tiles smaller.
pub(super) fn featured(canvas: Size, count: usize, edge: Edge) -> (Placement, Vec<Placement>) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    if count == 0 {
        return (Placement::whole(canvas), Vec::new());
    }
    // So many lanes in the strip have room for `PARTS` times as many tiles each.
    let needed = count.div_ceil(PARTS);
    let lanes = needed.isqrt() + u32::from(needed.isqrt().pow(2) < needed);
    let in_lane = lanes * PARTS;
    let tile = Size { width: even(canvas.width / in_lane), height: even(canvas.height / in_lane) };
    // No more lanes than are used, so that the large place has the rest.
    let used = count.div_ceil(in_lane);
    let (large, corner) = match edge {
        Edge::Right => {
            let x = even(canvas.width) - tile.width * used;
            (Placement { x: 0, y: 0, width: x, height: even(canvas.height) }, (x, 0))
        }
        Edge::Bottom => {
            let y = even(canvas.height) - tile.height * used;
            (Placement { x: 0, y: 0, width: even(canvas.width), height: y }, (0, y))
        }
    };
    let tiles = (0..count).map(|index| {
        let (lane, step) = (index / in_lane, index % in_lane);
        let steps = (count - lane * in_lane).min(in_lane);
        let (x, y) = match edge {
            Edge::Right => (lane * tile.width, even((canvas.height - steps * tile.height) / 2) + step * tile.height),
            Edge::Bottom => (even((canvas.width - steps * tile.width) / 2) + step * tile.width, lane * tile.height),
        };
        Placement { x: corner.0 + x, y: corner.1 + y, width: tile.width, height: tile.height }
    });
    (large, tiles.collect())
}
