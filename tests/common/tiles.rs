//! Where people are in a recorded mix.

use std::path::Path;

use super::judge::{Rect, about, locate};
use super::source::Look;

/// The tiles of all `looks` at `time`, which must be large and apart.
pub fn tiles(path: &Path, time: f64, looks: &[Look]) -> Vec<Rect> {
    let (canvas, found) = (about(path).1, locate(path, time, looks));
    let tiles: Vec<Rect> = found
        .iter()
        .zip(looks)
        .map(|(tile, look)| tile.unwrap_or_else(|| panic!("no {look:?} at {time}: {found:?}")))
        .collect();
    for (index, tile) in tiles.iter().enumerate() {
        let share = (tile.width * tile.height) as f64 / (canvas.0 * canvas.1) as f64;
        // Two pictures of 4:3 beside each other leave more than half of 16:9 free.
        assert!(
            share > 0.35 / looks.len().next_power_of_two() as f64,
            "tile {index} has {share} of the picture: {tiles:?}"
        );
        for other in &tiles[index + 1..] {
            let apart = tile.x + tile.width <= other.x + 2
                || other.x + other.width <= tile.x + 2
                || tile.y + tile.height <= other.y + 2
                || other.y + other.height <= tile.y + 2;
            assert!(apart, "tiles overlap: {tiles:?}");
        }
    }
    tiles
}

/// A time in the middle of the file at which nobody flashes: tried until all are seen.
pub fn calm(path: &Path, looks: &[Look]) -> f64 {
    calm_near(path, about(path).0 / 2.0, looks)
}

/// As [`calm`], at another time or a little later.
pub fn calm_near(path: &Path, time: f64, looks: &[Look]) -> f64 {
    let times = [0.0, 0.25, 0.5, 0.75].map(|step| time + step);
    let seen = |time: &f64| locate(path, *time, looks).iter().all(Option::is_some);
    times.into_iter().find(seen).unwrap_or_else(|| panic!("no picture near {time} shows all of {looks:?}"))
}
