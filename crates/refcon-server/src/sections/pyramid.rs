//! A section at every zoom: each level halves the one before it.

use super::TILE_SIZE;
use rayon::prelude::*;

/// A section and its reductions, down to one that fits into a tile.
#[derive(Debug)]
pub(crate) struct Pyramid {
    levels: Vec<Level>,
}

/// Amplitudes `[height, width]`.
#[derive(Debug, PartialEq)]
pub(crate) struct Level {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) amplitudes: Vec<f32>,
}

impl Pyramid {
    /// The pyramid over amplitudes `[height, width]`; what is no number counts as 0.
    pub(crate) fn new(width: usize, mut amplitudes: Vec<f32>) -> Self {
        amplitudes
            .par_iter_mut()
            .filter(|amplitude| !amplitude.is_finite())
            .for_each(|amplitude| *amplitude = 0.0);
        let height = amplitudes.len() / width.max(1);
        let mut levels = vec![Level { width, height, amplitudes }];
        while let Some(last) = levels.last().filter(|last| last.width.max(last.height) > TILE_SIZE) {
            let halved = last.halved();
            levels.push(halved);
        }
        Self { levels }
    }

    /// The levels, full resolution first; never empty.
    pub(crate) fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Bytes of all amplitudes.
    pub(crate) fn bytes(&self) -> usize {
        self.levels.iter().map(|level| size_of_val(level.amplitudes.as_slice())).sum()
    }
}

impl Level {
    /// Means of two by two amplitudes; of two or one at an odd edge.
    fn halved(&self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let mut amplitudes = vec![0.0; width * height];
        amplitudes.par_chunks_mut(width).enumerate().for_each(|(row, halved)| {
            let upper = self.row(2 * row);
            let lower = if 2 * row + 1 < self.height { self.row(2 * row + 1) } else { upper };
            let pairs = upper.chunks(2).zip(lower.chunks(2));
            for (halved, (upper, lower)) in halved.iter_mut().zip(pairs) {
                let sum: f32 = upper.iter().chain(lower).sum();
                *halved = sum / (upper.len() + lower.len()) as f32;
            }
        });
        Self { width, height, amplitudes }
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.amplitudes[row * self.width..][..self.width]
    }

    /// The tile in this column and row of tiles: its width, its height, its amplitudes row by row. `None` outside.
    pub(crate) fn tile(&self, column: usize, row: usize) -> Option<(usize, usize, Vec<f32>)> {
        let part = |index: usize, length: usize| {
            let first = index.checked_mul(TILE_SIZE).filter(|&first| first < length)?;
            Some((first, TILE_SIZE.min(length - first)))
        };
        let (left, width) = part(column, self.width)?;
        let (top, height) = part(row, self.height)?;
        let rows = (top..top + height).flat_map(|row| &self.row(row)[left..left + width]);
        Some((width, height, rows.copied().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_of_the_first_level_make_up_the_section() {
        let (width, height) = (600, 300);
        let amplitudes: Vec<f32> = (0..width * height).map(|at| at as f32).collect();
        let pyramid = Pyramid::new(width, amplitudes.clone());
        let mut again = vec![f32::NAN; width * height];
        for (column, row) in (0..3).flat_map(|column| (0..2).map(move |row| (column, row))) {
            let (tile_width, tile_height, tile) = pyramid.levels()[0].tile(column, row).unwrap();
            for (at, amplitude) in tile.into_iter().enumerate() {
                let (y, x) = (row * TILE_SIZE + at / tile_width, column * TILE_SIZE + at % tile_width);
                assert!(at / tile_width < tile_height);
                again[y * width + x] = amplitude;
            }
        }
        assert_eq!(again, amplitudes);
        for outside in [(3, 0), (0, 2), (usize::MAX, 0)] {
            assert_eq!(pyramid.levels()[0].tile(outside.0, outside.1), None);
        }
    }

    #[test]
    fn each_level_is_the_mean_of_the_one_before_and_the_last_fits_a_tile() {
        let pyramid = Pyramid::new(3, vec![1.0, 3.0, 10.0, 5.0, 7.0, f32::NAN, 2.0, 4.0, 6.0]);
        assert_eq!(pyramid.levels().len(), 1);
        assert_eq!(pyramid.levels()[0].amplitudes[5], 0.0);
        let halved = pyramid.levels()[0].halved();
        assert_eq!((halved.width, halved.height, halved.amplitudes), (2, 2, vec![4.0, 5.0, 3.0, 6.0]));
        let sizes = |width, height| {
            let pyramid = Pyramid::new(width, vec![1.5; width * height]);
            assert!(pyramid.levels().iter().all(|level| level.amplitudes.iter().all(|&a| a == 1.5)));
            pyramid.levels().iter().map(|level| (level.width, level.height)).collect::<Vec<_>>()
        };
        assert_eq!(sizes(1000, 3), [(1000, 3), (500, 2), (250, 1)]);
        assert_eq!(sizes(1, 513), [(1, 513), (1, 257), (1, 129)]);
    }
}
