//! A part of the canvas cut into equal cells.

use super::{Placement, Size, contain, even};

/// How cells may be arranged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) columns: u32,
    pub(super) rows: u32,
    /// The shape that the cells should come near to.
    pub(super) shape: Size,
}

/// The columns and rows in which `count` cells of `space` show the most of pictures of a shape, and which allow as many.
pub(super) fn table(space: Size, count: u32, limits: Limits) -> (u32, u32) {
    let mut best = (0, (limits.columns.min(count).max(1), 1));
    for columns in 1..=count.min(limits.columns) {
        let rows = count.div_ceil(columns);
        if rows > limits.rows {
            continue;
        }
        let seen = contain(limits.shape, Size { width: space.width / columns, height: space.height / rows });
        let area = u64::from(seen.width) * u64::from(seen.height);
        // Of equals the wider, as screens are.
        if area >= best.0 {
            best = (area, (columns, rows));
        }
    }
    best.1
}

/// The cell `index` of a table, counted in rows from the upper left. Cells leave nothing free but what is odd.
pub(super) fn cell(space: Placement, (columns, rows): (u32, u32), index: u32) -> Placement {
    let edge = |length: u32, part: u32, parts: u32| {
        let at = u64::from(length) * u64::from(part) / u64::from(parts.max(1));
        even(u32::try_from(at).unwrap_or(length))
    };
    let (column, row) = (index % columns.max(1), index / columns.max(1));
    let (left, right) = (edge(space.width, column, columns), edge(space.width, column + 1, columns));
    let (top, bottom) = (edge(space.height, row, rows), edge(space.height, row + 1, rows));
    Placement { x: space.x + left, y: space.y + top, width: right - left, height: bottom - top }
}

/// `count` equal cells that fill `space`, nearly square, those of the last row in the middle.
pub(super) fn filled(space: Placement, count: usize) -> Vec<Placement> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let limits = Limits { columns: u32::MAX, rows: u32::MAX, shape: Size { width: 1, height: 1 } };
    let (columns, rows) = table(Size { width: space.width, height: space.height }, count, limits);
    // All of one size: cells that differ by two pixels would show it.
    let size = Size { width: even(space.width / columns), height: even(space.height / rows) };
    (0..count)
        .map(|index| {
            let (column, row) = (index % columns, index / columns);
            let in_row = (count - row * columns).min(columns);
            let left = even((space.width - size.width * in_row) / 2);
            let top = even((space.height - size.height * rows) / 2);
            let (x, y) = (space.x + left + column * size.width, space.y + top + row * size.height);
            Placement { x, y, width: size.width, height: size.height }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_follows_the_shape_of_its_space_and_its_limits() {
        let table = |width, height, count, columns, rows| {
            let shape = Size { width: 16, height: 9 };
            table(Size { width, height }, count, Limits { columns, rows, shape })
        };
        assert_eq!(table(1280, 720, 4, 99, 99), (2, 2));
        assert_eq!(table(1280, 160, 4, 99, 99), (4, 1));
        assert_eq!(table(240, 720, 4, 99, 99), (1, 4));
        assert_eq!(table(1280, 720, 4, 1, 99), (1, 4));
        assert_eq!(table(240, 720, 4, 99, 1), (4, 1));
        assert_eq!(table(1280, 720, 0, 99, 99), (1, 1));
    }

    #[test]
    fn cells_meet_at_even_edges() {
        let space = Placement { x: 10, y: 20, width: 100, height: 50 };
        let row: Vec<_> = (0..3).map(|index| cell(space, (3, 1), index)).map(|cell| (cell.x, cell.width)).collect();
        assert_eq!(row, [(10, 32), (42, 34), (76, 34)]);
    }
}
