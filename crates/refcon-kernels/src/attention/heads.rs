//! Where the heads of an attention layer lie in memory.

use crate::matrix::Matrix;
use std::marker::PhantomData;

/// Vectors of all tokens of all heads, `[batch, heads, tokens, width]`, in any order but for the width, which is innermost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLayout {
    /// Images.
    pub batch: usize,
    /// Heads of each image.
    pub heads: usize,
    /// Vectors of each head.
    pub tokens: usize,
    /// Components of a vector.
    pub width: usize,
    /// From image to image, head to head and token to token, in values.
    pub strides: [usize; 3],
}

impl HeadLayout {
    /// `[batch, tokens, heads, width]`, as a linear layer writes them.
    #[must_use]
    pub fn by_token(batch: usize, tokens: usize, heads: usize, width: usize) -> HeadLayout {
        HeadLayout { batch, heads, tokens, width, strides: [tokens * heads * width, width, heads * width] }
    }

    /// `[batch, heads, tokens, width]`.
    #[must_use]
    pub fn by_head(batch: usize, heads: usize, tokens: usize, width: usize) -> HeadLayout {
        HeadLayout { batch, heads, tokens, width, strides: [heads * tokens * width, tokens * width, width] }
    }

    /// One of queries, keys and values that lie side by side, `[batch, tokens, 3, heads, width]`.
    fn fused(batch: usize, tokens: usize, heads: usize, width: usize) -> HeadLayout {
        let row = 3 * heads * width;
        HeadLayout { batch, heads, tokens, width, strides: [tokens * row, width, row] }
    }

    fn is_empty(&self) -> bool {
        [self.batch, self.heads, self.tokens, self.width].contains(&0)
    }

    /// Whether the values from the first to the last lie inside a slice of `length`.
    fn lies_within(&self, length: usize) -> bool {
        if self.is_empty() {
            return true;
        }
        let end = [self.batch, self.heads, self.tokens]
            .iter()
            .zip(self.strides)
            .try_fold(self.width, |end, (count, stride)| (count - 1).checked_mul(stride)?.checked_add(end));
        end.is_some_and(|end| end <= length)
    }

    /// Whether no two vectors share a value, in a layout that lies within a slice.
    fn is_disjoint(&self) -> bool {
        if self.is_empty() {
            return true;
        }
        let mut axes: Vec<(usize, usize)> = [self.batch, self.heads, self.tokens]
            .into_iter()
            .zip(self.strides)
            .filter(|&(count, _)| count > 1)
            .map(|(count, stride)| (stride, count))
            .collect();
        axes.sort_unstable();
        let mut inner = self.width;
        axes.into_iter().all(|(stride, count)| {
            let apart = stride >= inner;
            inner += stride * (count - 1);
            apart
        })
    }

    fn start(&self, batch: usize, head: usize, token: usize) -> usize {
        batch * self.strides[0] + head * self.strides[1] + token * self.strides[2]
    }
}

/// Vectors to read.
#[derive(Debug, Clone, Copy)]
pub struct Heads<'a> {
    values: &'a [f32],
    layout: HeadLayout,
}

impl<'a> Heads<'a> {
    /// The vectors of `layout`, the first one at the start of `values`.
    ///
    /// # Panics
    /// When the last one lies outside.
    #[must_use]
    pub fn new(values: &'a [f32], layout: HeadLayout) -> Heads<'a> {
        assert!(layout.lies_within(values.len()), "{layout:?} in {} values", values.len());
        Heads { values, layout }
    }

    /// Queries, keys and values of `[batch, tokens, 3, heads, width]`, as one linear layer writes them.
    ///
    /// # Panics
    /// When `values` are not as many.
    #[must_use]
    pub fn fused(values: &'a [f32], [batch, tokens, heads, width]: [usize; 4]) -> [Heads<'a>; 3] {
        let part = heads * width;
        assert_eq!(values.len(), batch * tokens * 3 * part, "queries, keys and values side by side");
        let layout = HeadLayout::fused(batch, tokens, heads, width);
        [0, 1, 2].map(|at| Heads::new(values.get(at * part..).unwrap_or_default(), layout))
    }

    pub(super) fn layout(self) -> HeadLayout {
        self.layout
    }

    /// `[tokens, width]` of one head.
    pub(super) fn head(self, batch: usize, head: usize) -> Matrix<'a> {
        let HeadLayout { tokens, width, strides, .. } = self.layout;
        let start = self.layout.start(batch, head, 0).min(self.values.len());
        Matrix::strided(&self.values[start..], [tokens, width], [strides[2], 1])
    }
}

/// Vectors to write.
#[derive(Debug)]
pub struct HeadsMut<'a> {
    /// The first vector. All of the layout's are borrowed, and what lies between them is not.
    first: *mut f32,
    layout: HeadLayout,
    values: PhantomData<&'a mut [f32]>,
}

impl<'a> HeadsMut<'a> {
    /// The vectors of `layout`, the first one at the start of `values`. What lies between them is left as it is.
    ///
    /// # Panics
    /// When the last one lies outside, or two overlap.
    #[must_use]
    pub fn new(values: &'a mut [f32], layout: HeadLayout) -> HeadsMut<'a> {
        assert!(layout.lies_within(values.len()), "{layout:?} in {} values", values.len());
        assert!(layout.is_disjoint(), "{layout:?} has vectors that overlap");
        HeadsMut { first: values.as_mut_ptr(), layout, values: PhantomData }
    }

    /// Queries, keys and values of `[batch, tokens, 3, heads, width]`, as [`Heads::fused`] reads them.
    ///
    /// # Panics
    /// When `values` are not as many.
    #[must_use]
    pub fn fused(values: &'a mut [f32], [batch, tokens, heads, width]: [usize; 4]) -> [HeadsMut<'a>; 3] {
        let part = heads * width;
        assert_eq!(values.len(), batch * tokens * 3 * part, "queries, keys and values side by side");
        let layout = HeadLayout::fused(batch, tokens, heads, width);
        let first = values.as_mut_ptr();
        // Each vector lies inside its own third of a token's row, so no two of the three share a value.
        [0, 1, 2].map(|at| HeadsMut { first: first.wrapping_add(at * part), layout, values: PhantomData })
    }

    pub(super) fn layout(&self) -> HeadLayout {
        self.layout
    }

    /// The same, for tasks that each write other vectors.
    pub(super) fn shared(&mut self) -> SharedHeads<'_> {
        SharedHeads { first: self.first, layout: self.layout, values: PhantomData }
    }
}

/// [`HeadsMut`] while several threads write it.
pub(super) struct SharedHeads<'a> {
    first: *mut f32,
    layout: HeadLayout,
    values: PhantomData<&'a mut [f32]>,
}

// SAFETY: no two tasks write the same vector (see `SharedHeads::vector`).
unsafe impl Sync for SharedHeads<'_> {}

impl SharedHeads<'_> {
    /// One vector.
    ///
    /// # Safety
    /// It is one of the layout's, and nobody else uses it at the same time.
    #[allow(clippy::mut_from_ref)] // exclusive by the caller's promise
    pub(super) unsafe fn vector(&self, batch: usize, head: usize, token: usize) -> &mut [f32] {
        let HeadLayout { batch: batches, heads, tokens, width, .. } = self.layout;
        debug_assert!(batch < batches && head < heads && token < tokens);
        // SAFETY: the layout lies inside the slice and its vectors do not overlap; both are so since it was made.
        unsafe {
            std::slice::from_raw_parts_mut(self.first.add(self.layout.start(batch, head, token)), width)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_whose_vectors_overlap_are_recognised() {
        assert!(HeadLayout::by_token(2, 5, 3, 4).is_disjoint());
        assert!(HeadLayout::by_head(2, 3, 5, 4).is_disjoint());
        assert!(HeadLayout { batch: 1, heads: 1, tokens: 3, width: 4, strides: [0, 0, 12] }.is_disjoint());
        assert!(HeadLayout { batch: 3, heads: 2, tokens: 0, width: 4, strides: [0, 0, 0] }.is_disjoint());
        assert!(!HeadLayout { batch: 1, heads: 1, tokens: 3, width: 4, strides: [0, 0, 3] }.is_disjoint());
        assert!(!HeadLayout { batch: 1, heads: 2, tokens: 3, width: 4, strides: [0, 4, 4] }.is_disjoint());
        assert!(!HeadLayout { batch: 2, heads: 1, tokens: 3, width: 4, strides: [0, 0, 4] }.is_disjoint());
    }

    #[test]
    fn fused_parts_share_no_value_and_leave_none_out() {
        let [batch, tokens, heads, width] = [2, 3, 4, 5];
        let mut values = vec![0.0f32; batch * tokens * 3 * heads * width];
        for part in &mut HeadsMut::fused(&mut values, [batch, tokens, heads, width]) {
            let part = part.shared();
            for (image, head, token) in (0..batch)
                .flat_map(|image| (0..heads).flat_map(move |head| (0..tokens).map(move |t| (image, head, t))))
            {
                // SAFETY: one of the layout's vectors, by one thread.
                unsafe { part.vector(image, head, token) }.iter_mut().for_each(|value| *value += 1.0);
            }
        }
        assert!(values.iter().all(|&value| value == 1.0));
    }

    #[test]
    fn strides_too_large_for_any_memory_lie_in_no_slice() {
        let layout =
            HeadLayout { batch: 3, heads: 1, tokens: 1, width: 4, strides: [usize::MAX / 2 + 1, 0, 0] };
        assert!(!layout.lies_within(100));
    }

    #[test]
    #[should_panic(expected = "in 119 values")]
    fn a_layout_must_lie_inside_its_slice() {
        let _ = Heads::new(&[0.0; 119], HeadLayout::by_token(2, 5, 3, 4));
    }
}
