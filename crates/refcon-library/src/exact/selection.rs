//! Which rows a scan looks at, in pieces that threads share out among themselves.

use super::{CodedBlock, Corpus};
use crate::RowSet;
use std::ops::Range;

/// Rows of one block, a piece of work.
pub(super) struct Piece<'a> {
    pub(super) block: &'a CodedBlock<'a>,
    /// Number of the block's first row.
    pub(super) first_row: usize,
    /// The rows, counted from the block's first: these, or all of a range.
    rows: Rows,
}

enum Rows {
    All(Range<u32>),
    Some(Vec<u32>),
}

impl Piece<'_> {
    /// All rows, into `rows`.
    pub(super) fn list(&self, rows: &mut Vec<u32>) {
        rows.clear();
        match &self.rows {
            Rows::All(range) => rows.extend(range.clone()),
            Rows::Some(some) => rows.extend_from_slice(some),
        }
    }
}

/// The corpus, or those of its rows that are in the set, in pieces of at most so many rows.
pub(super) fn pieces<'a>(corpus: &'a Corpus<'_>, set: Option<&RowSet>, most_rows: usize) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    let mut first_row = 0;
    let mut chosen = set.map(|set| set.iter().peekable());
    for block in &corpus.blocks {
        let end = first_row + block.rows();
        match &mut chosen {
            None => {
                let starts = (0..block.rows()).step_by(most_rows);
                pieces.extend(starts.map(|start| {
                    let stop = (start + most_rows).min(block.rows());
                    Piece { block, first_row, rows: Rows::All(start as u32..stop as u32) }
                }));
            }
            Some(chosen) => loop {
                let within = std::iter::from_fn(|| chosen.next_if(|&row| row < end));
                let rows: Vec<u32> = within.take(most_rows).map(|row| (row - first_row) as u32).collect();
                if rows.is_empty() {
                    break;
                }
                pieces.push(Piece { block, first_row, rows: Rows::Some(rows) });
            },
        }
        first_row = end;
    }
    pieces
}
