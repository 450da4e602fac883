//! A layout of regions: who is in which.

use super::named::Source;
use super::region::{Region, Reuse};
use super::wire::LayoutError;
use super::{Place, Size};

/// How many regions a layout may have.
pub const MOST_REGIONS: usize = 64;

/// Regions in the order in which they were given, each with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Regions(pub(super) Vec<Region>);

impl Regions {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Region] {
        &self.0
    }

    /// Whether it matters who was there and has gone.
    pub(super) fn remembers(&self) -> bool {
        self.0.iter().any(|region| region.reuse == Reuse::None)
    }

    /// Refuses regions that do not lie inside the canvas.
    pub(super) fn check(&self, canvas: Size) -> Result<(), LayoutError> {
        self.0.iter().try_for_each(|region| region.check(canvas))
    }

    /// A place for each of `sources` that is seen. Each is in one region: in that which means it the most exactly and has a
    /// cell for it, of equals in the first.
    pub(super) fn places(&self, canvas: Size, sources: &[Source<'_>]) -> Vec<Option<Place>> {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.0.len()];
        for (index, source) in sources.iter().enumerate() {
            let meant = self.0.iter().enumerate().filter_map(|(at, region)| Some((region.means(source)?, at)));
            let mut meant: Vec<(u8, usize)> = meant.collect();
            meant.sort_unstable();
            let taken = meant.into_iter().map(|(_, at)| at).find(|at| self.0[*at].takes(members[*at].len()));
            // Who has gone only keeps a cell that nobody else may have.
            if let Some(at) = taken.filter(|at| !source.gone || self.0[*at].reuse == Reuse::None) {
                members[at].push(index);
            }
        }
        let mut places = vec![None; sources.len()];
        for (region, members) in self.0.iter().zip(&members) {
            for (index, cell) in members.iter().zip(region.cells(canvas, members.len())) {
                let seen = cell.filter(|_| !sources[*index].gone);
                places[*index] = seen.map(|placement| Place { placement, z: region.z, fit: region.fit });
            }
        }
        places
    }
}

#[cfg(test)]
#[path = "regions_tests.rs"]
mod tests;
