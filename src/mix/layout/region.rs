//! One region of a custom layout: a part of the canvas, and whom it shows in which of its cells.

use serde::{Deserialize, Serialize};

use super::cells::{self, Limits};
use super::named::Source;
use super::pattern::Pattern;
use super::wire::LayoutError;
use super::{Fit, Placement, Size, even};

/// What becomes of a cell whose person has gone, and of those for whom there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// It stays empty: who comes later has a later cell, if there is one.
    None,
    /// It is given to the next; when all are in use, who came first is shown.
    #[default]
    ShowOldest,
    /// It is given to the next; when all are in use, who came last takes the cell of who came first.
    ShowNewest,
}

/// A part of the canvas.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Region {
    /// By which errors call it.
    pub(super) name: String,
    pub(super) x: u32,
    pub(super) y: u32,
    /// To the edge of the canvas, if not said.
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) z: i32,
    pub(super) fit: Fit,
    pub(super) max_columns: Option<u32>,
    pub(super) max_rows: Option<u32>,
    /// Cells that stay empty, in their order.
    pub(super) cells_excluded: Vec<u32>,
    pub(super) include: Vec<Pattern>,
    pub(super) exclude: Vec<Pattern>,
    pub(super) reuse: Reuse,
}

/// The smallest side.
pub(super) const LEAST: u32 = 16;
/// The shape that most cameras and screens have.
const USUAL: Size = Size { width: 16, height: 9 };

impl Region {
    /// All of the canvas, for everybody.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            x: 0,
            y: 0,
            width: None,
            height: None,
            z: 0,
            fit: Fit::Contain,
            max_columns: None,
            max_rows: None,
            cells_excluded: Vec::new(),
            include: vec![Pattern::any()],
            exclude: Vec::new(),
            reuse: Reuse::default(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What becomes of its cells.
    #[must_use]
    pub fn reuse(&self) -> Reuse {
        self.reuse
    }

    /// How exactly it means `source`, the least number the most exactly; nothing if it does not show it.
    pub(super) fn means(&self, source: &Source<'_>) -> Option<u8> {
        let excluded = self.exclude.iter().any(|pattern| pattern.means(source).is_some());
        let exactness = self.include.iter().filter_map(|pattern| pattern.means(source)).min();
        exactness.filter(|_| !excluded)
    }

    /// How many it can show, if that is limited.
    pub(super) fn room(&self) -> Option<usize> {
        let cells = self.max_columns?.saturating_mul(self.max_rows?);
        let excluded = self.cells_excluded.partition_point(|cell| *cell < cells);
        Some(usize::try_from(cells).unwrap_or(usize::MAX).saturating_sub(excluded))
    }

    /// Whether it takes one more than `count`. Where the newest is shown, somebody older makes room.
    pub(super) fn takes(&self, count: usize) -> bool {
        self.room().is_none_or(|room| count < room || self.reuse == Reuse::ShowNewest && room > 0)
    }

    /// The cells of `count` who came one after another: those that nobody sees have none.
    pub(super) fn cells(&self, canvas: Size, count: usize) -> Vec<Option<Placement>> {
        let room = self.room().unwrap_or(usize::MAX);
        let used = count.min(room);
        let free = (0..u32::MAX).filter(|cell| self.cells_excluded.binary_search(cell).is_err());
        let free: Vec<u32> = free.take(used).collect();
        let Some(last) = free.last() else { return vec![None; count] };
        let space = self.space(canvas);
        let limits = Limits {
            columns: self.max_columns.unwrap_or(u32::MAX),
            rows: self.max_rows.unwrap_or(u32::MAX),
            shape: USUAL,
        };
        let table = cells::table(Size { width: space.width, height: space.height }, last + 1, limits);
        let place = |index: usize| {
            // Who came last, where there are too many, goes round.
            let seen = if self.reuse == Reuse::ShowNewest { index + used >= count } else { index < used };
            let cell = cells::cell(space, table, *free.get(index % used)?);
            // There may be more cells than pixels.
            (seen && cell.width > 0 && cell.height > 0).then_some(cell)
        };
        (0..count).map(place).collect()
    }

    fn space(&self, canvas: Size) -> Placement {
        let (x, y) = (even(self.x), even(self.y));
        let side = |wanted: Option<u32>, from: u32, whole: u32| {
            let most = whole.saturating_sub(from);
            even(wanted.unwrap_or(most).min(most))
        };
        Placement { x, y, width: side(self.width, x, canvas.width), height: side(self.height, y, canvas.height) }
    }

    /// Refuses what does not lie inside the canvas.
    pub(super) fn check(&self, canvas: Size) -> Result<(), LayoutError> {
        let sides =
            [("x", "width", self.x, self.width, canvas.width), ("y", "height", self.y, self.height, canvas.height)];
        for (at, long, from, length, whole) in sides {
            let shown = format!("the canvas of {}×{}", canvas.width, canvas.height);
            if from.saturating_add(LEAST) > whole {
                let most = whole.saturating_sub(LEAST);
                return Err(self.wrong(at, format!("is {from}, outside of {shown}"), format!("use at most {most}")));
            }
            if let Some(length) = length.filter(|length| *length > whole - from) {
                let most = whole - from;
                return Err(self.wrong(
                    long,
                    format!("is {length}, which ends outside of {shown}"),
                    format!("use at most {most}"),
                ));
            }
        }
        Ok(())
    }

    fn wrong(&self, field: &str, problem: String, remedy: String) -> LayoutError {
        LayoutError::new(format!("layout.regions.{}.{field}", self.name), problem, remedy)
    }
}
