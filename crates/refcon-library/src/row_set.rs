//! Which rows of a library a search may look at.

/// A set of rows, a bit a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    rows: usize,
}

const BITS: usize = u64::BITS as usize;

impl RowSet {
    /// No row of `rows`.
    #[must_use]
    pub fn none(rows: usize) -> Self {
        Self { words: vec![0; rows.div_ceil(BITS)], rows }
    }

    /// Every row of `rows`.
    #[must_use]
    pub fn all(rows: usize) -> Self {
        let mut set = Self { words: vec![u64::MAX; rows.div_ceil(BITS)], rows };
        if let (Some(last), used @ 1..) = (set.words.last_mut(), rows % BITS) {
            *last = u64::MAX >> (BITS - used);
        }
        set
    }

    /// How many rows there are, in the set or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many rows are in the set.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether `row` is in the set.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn contains(&self, row: usize) -> bool {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        self.words[row / BITS] >> (row % BITS) & 1 == 1
    }

    /// Puts `row` into the set.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn insert(&mut self, row: usize) {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        self.words[row / BITS] |= 1 << (row % BITS);
    }

    /// Takes `row` out of the set.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn remove(&mut self, row: usize) {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        self.words[row / BITS] &= !(1 << (row % BITS));
    }

    /// Leaves only rows that are in `other` too.
    ///
    /// # Panics
    /// When the sets are of different numbers of rows.
    pub fn intersect(&mut self, other: &Self) {
        assert_eq!(self.rows, other.rows, "sets of different numbers of rows");
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// The set's words: row `r` is bit `r % 64` of word `r / 64`; bits past the last row are 0.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The rows of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            std::iter::successors((word != 0).then_some(word), |&rest| {
                let rest = rest & (rest - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |rest| index * BITS + rest.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_row_set_is_the_set_of_what_was_put_in(rows in 1usize..300, some in prop::collection::vec(0usize..300, 0..100)) {
            let some: BTreeSet<usize> = some.into_iter().filter(|&row| row < rows).collect();
            let mut set = RowSet::none(rows);
            some.iter().for_each(|&row| set.insert(row));
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), some.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.count(), some.len());
            let mut others = RowSet::all(rows);
            prop_assert_eq!(others.count(), rows);
            some.iter().for_each(|&row| others.remove(row));
            prop_assert!((0..rows).all(|row| others.contains(row) != some.contains(&row)));
            others.intersect(&set);
            prop_assert_eq!(others.count(), 0);
        }
    }
}
