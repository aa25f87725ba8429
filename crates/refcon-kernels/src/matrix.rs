//! A matrix that lies somewhere in a slice.

use half::{bf16, f16};
use std::ops::Range;

/// A number that a matrix may hold.
pub trait Element: Copy + Send + Sync + 'static {
    /// Its value, exactly.
    fn widened(self) -> f32;

    /// The same numbers, where they are f32.
    fn as_f32(values: &[Self]) -> Option<&[f32]> {
        let _ = values;
        None
    }
}

impl Element for f32 {
    #[inline(always)]
    fn widened(self) -> f32 {
        self
    }

    fn as_f32(values: &[f32]) -> Option<&[f32]> {
        Some(values)
    }
}

impl Element for bf16 {
    #[inline(always)]
    fn widened(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
}

impl Element for f16 {
    #[inline(always)]
    fn widened(self) -> f32 {
        self.to_f32()
    }
}

/// `[rows, columns]`, read in place with any strides: a transposed matrix is the same slice.
#[derive(Debug)]
pub struct Matrix<'a, T = f32> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<T> Clone for Matrix<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Matrix<'_, T> {}

impl<'a, T: Element> Matrix<'a, T> {
    /// A whole slice, row after row.
    ///
    /// # Panics
    /// When the slice does not hold `rows · columns` values.
    #[must_use]
    pub fn new(values: &'a [T], rows: usize, columns: usize) -> Self {
        let count = rows.checked_mul(columns);
        assert_eq!(Some(values.len()), count, "values of a matrix of {rows} × {columns}");
        Self::strided(values, [rows, columns], [columns, 1])
    }

    /// Element `[i, j]` at `i · strides[0] + j · strides[1]`.
    ///
    /// # Panics
    /// When the last element lies outside the slice.
    #[must_use]
    pub fn strided(values: &'a [T], [rows, columns]: [usize; 2], strides: [usize; 2]) -> Self {
        if rows > 0 && columns > 0 {
            let last = (rows - 1)
                .checked_mul(strides[0])
                .zip((columns - 1).checked_mul(strides[1]))
                .and_then(|(down, across)| down.checked_add(across));
            assert!(
                last.is_some_and(|last| last < values.len()),
                "a matrix of {rows} × {columns} with strides {strides:?} in {} values",
                values.len()
            );
        }
        Matrix { values, rows, columns, row_stride: strides[0], column_stride: strides[1] }
    }

    /// The same values, rows as columns.
    #[must_use]
    pub fn transposed(self) -> Self {
        Matrix {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// How many rows.
    #[must_use]
    pub fn rows(self) -> usize {
        self.rows
    }

    /// How many columns.
    #[must_use]
    pub fn columns(self) -> usize {
        self.columns
    }

    /// From row to row, and from column to column, in values.
    #[must_use]
    pub fn strides(self) -> [usize; 2] {
        [self.row_stride, self.column_stride]
    }

    /// Element `[row, column]`.
    ///
    /// # Panics
    /// When it lies outside.
    #[inline(always)]
    #[must_use]
    pub fn at(self, row: usize, column: usize) -> T {
        self.values[row * self.row_stride + column * self.column_stride]
    }

    /// The same matrix, where its numbers are f32.
    pub(crate) fn as_f32(self) -> Option<Matrix<'a>> {
        let Matrix { values, rows, columns, row_stride, column_stride } = self;
        Some(Matrix { values: T::as_f32(values)?, rows, columns, row_stride, column_stride })
    }

    /// Some rows.
    ///
    /// # Panics
    /// When there are not as many.
    pub(crate) fn part(self, rows: Range<usize>) -> Self {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        let start = if rows.is_empty() { 0 } else { rows.start * self.row_stride };
        let values = if self.columns == 0 { self.values } else { &self.values[start..] };
        Matrix { values, rows: rows.len(), ..self }
    }

    /// A row, where its values follow each other.
    ///
    /// # Panics
    /// When they do not, or it lies outside.
    pub(crate) fn row(self, row: usize) -> &'a [T] {
        assert!(self.column_stride == 1 && row < self.rows, "row {row} of {} in one piece", self.rows);
        &self.values[row * self.row_stride..][..self.columns]
    }

    /// The slice that holds the values, from element `[0, 0]`.
    pub(crate) fn values(self) -> &'a [T] {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_view_swaps_rows_and_columns() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let matrix = Matrix::new(&values, 2, 3);
        assert_eq!((matrix.at(1, 2), matrix.transposed().at(2, 1)), (6.0, 6.0));
        assert_eq!((matrix.transposed().rows(), matrix.transposed().columns()), (3, 2));
    }

    #[test]
    #[should_panic(expected = "strides [9223372036854775808, 1] in 6 values")]
    fn strides_too_large_for_any_memory_are_refused() {
        let _ = Matrix::strided(&[0.0; 6], [3, 2], [usize::MAX / 2 + 1, 1]);
    }
}
