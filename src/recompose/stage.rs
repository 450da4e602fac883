//! The still picture below all videos: a tile with the name of everybody who has a place and shows no picture yet.

use gstreamer as gst;
use gstreamer_app as gst_app;

use super::movement::time_of;
use super::score::Score;
use crate::mix::layout::{Place, Size};
use crate::mix::{Tile, draw_tiles, tile_caps};

/// A still picture, and from when to when it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Still {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) tiles: Vec<Tile>,
}

/// All stills, without a gap; `seen` says for each part when its first picture shows.
pub(super) fn stills(score: &Score, seen: &[u64]) -> Vec<Still> {
    let mut stills: Vec<Still> = Vec::new();
    for stretch in &score.stretches {
        let mut cuts: Vec<u64> = stretch.places.iter().map(|(part, _)| seen[*part]).collect();
        cuts.retain(|at| stretch.from < *at && *at < stretch.to);
        cuts.extend([stretch.from, stretch.to]);
        cuts.sort_unstable();
        cuts.dedup();
        for cut in cuts.windows(2) {
            let (from, to) = (cut[0], cut[1]);
            let mut unseen: Vec<_> = stretch.places.iter().filter(|(part, _)| from < seen[*part]).collect();
            unseen.sort_by_key(|(_, place)| place.z);
            let tile = |(part, place): &(usize, Place)| Tile {
                placement: place.placement,
                name: score.parts[*part].name.clone(),
                muted: false,
            };
            let tiles: Vec<Tile> = unseen.into_iter().map(tile).collect();
            match stills.last_mut() {
                Some(last) if last.tiles == tiles => last.to = to,
                _ => stills.push(Still { from, to, tiles }),
            }
        }
    }
    stills
}

/// Has `stage` give the stills, each when it is needed: only one is in memory.
pub(super) fn fill(stage: &gst_app::AppSrc, stills: Vec<Still>, canvas: Size, fps: u32) {
    stage.set_caps(Some(&tile_caps(canvas)));
    stage.set_max_buffers(1);
    stage.set_max_bytes(0);
    let mut stills = stills.into_iter();
    let need = move |stage: &gst_app::AppSrc, _| {
        let Some(still) = stills.next() else {
            // Refused only by a pipeline that has ended.
            let _ = stage.end_of_stream();
            return;
        };
        let (begin, end) = (time_of(still.from, fps), time_of(still.to, fps));
        match draw_tiles(canvas, &still.tiles) {
            Ok(picture) => {
                let mut buffer = gst::Buffer::from_mut_slice(picture);
                if let Some(buffer) = buffer.get_mut() {
                    buffer.set_pts(begin);
                    buffer.set_duration(end - begin);
                }
                let _ = stage.push_buffer(buffer);
            }
            Err(error) => gst::element_error!(stage, gst::LibraryError::Failed, ("the tiles cannot be drawn: {error}")),
        }
    };
    stage.set_callbacks(gst_app::AppSrcCallbacks::builder().need_data(need).build());
}

#[cfg(test)]
mod tests {
    use super::super::score::{Part, Stretch};
    use super::*;
    use crate::egress::file::MediaFile;
    use crate::mix::layout::Placement;

    fn part(name: &str) -> Part {
        let file = serde_json::json!({
            "name": "a.webm", "streams": [], "startMs": 0, "durationMs": 0, "bytes": 0, "sha256": null,
        });
        let file: MediaFile = serde_json::from_value(file).unwrap();
        Part { file, participant: None, owner: name.to_owned(), name: name.to_owned(), shared: false, begin: 0, end: 0 }
    }

    #[test]
    fn a_tile_lies_where_somebody_is_until_their_first_picture() {
        let place = |x| Place::plain(Placement { x, y: 0, width: 100, height: 100 });
        let stretches = vec![
            Stretch { from: 0, to: 10, places: vec![(0, place(0))] },
            Stretch { from: 10, to: 20, places: vec![(0, place(0)), (1, place(100))] },
            Stretch { from: 20, to: 30, places: vec![(1, place(0))] },
        ];
        let score = Score { parts: vec![part("Ann"), part("Bob")], stretches, fps: 25, pictures: 30 };
        let outline = |seen: [u64; 2]| {
            let names = |still: &Still| still.tiles.iter().map(|tile| tile.name.clone()).collect::<Vec<_>>().join(" ");
            stills(&score, &seen).iter().map(|still| (still.from, still.to, names(still))).collect::<Vec<_>>()
        };
        let text = |from, to, names: &str| (from, to, names.to_owned());
        assert_eq!(outline([0, 10]), [text(0, 30, "")]);
        assert_eq!(outline([2, 15]), [text(0, 2, "Ann"), text(2, 10, ""), text(10, 15, "Bob"), text(15, 30, "")]);
        let never = outline([0, u64::MAX]);
        assert_eq!(never, [text(0, 10, ""), text(10, 20, "Bob"), text(20, 30, "Bob")]);
    }
}
