//! Panels: the codes of 16 queries, four components of each in turn, as VNNI and AMX multiply them.

use std::ops::Range;

/// Codes of 16 queries, 4 components each: query `q`'s are bytes `4 q` to `4 q + 3`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [i8; 64]);

/// Panels of 16 queries each, `[panels, stride / 4]` lines; queries past the last are zeros.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    /// Lines of a panel.
    depth: usize,
    lines: Vec<Line>,
    /// A number a query, 16 a panel: what products start from.
    corrections: Vec<i32>,
}

/// Components in a line.
pub(super) const COMPONENTS: usize = 4;

impl Panels {
    /// Queries in a panel.
    pub(super) const LANES: usize = 16;

    /// Packs `codes`, `[queries, stride]`.
    pub(super) fn pack(stride: usize, codes: &[i8], mut corrections: Vec<i32>) -> Self {
        let depth = stride / COMPONENTS;
        let queries = corrections.len();
        let panels = queries.div_ceil(Self::LANES);
        let mut lines = vec![Line([0; 64]); panels * depth];
        for (query, codes) in codes.chunks_exact(stride).enumerate() {
            let lines = &mut lines[query / Self::LANES * depth..][..depth];
            let place = query % Self::LANES * COMPONENTS;
            for (line, codes) in lines.iter_mut().zip(codes.chunks_exact(COMPONENTS)) {
                line.0[place..place + COMPONENTS].copy_from_slice(codes);
            }
        }
        corrections.resize(panels * Self::LANES, 0);
        Self { depth, lines, corrections }
    }

    /// Lines of a panel.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Bytes of a row's codes.
    pub(super) fn stride(&self) -> usize {
        self.depth * COMPONENTS
    }

    /// The lines of some panels, one panel after the other.
    pub(super) fn lines(&self, panels: &Range<usize>) -> &[Line] {
        &self.lines[panels.start * self.depth..panels.end * self.depth]
    }

    /// The numbers that the products of some panels start from.
    pub(super) fn corrections(&self, panels: &Range<usize>) -> &[i32] {
        &self.corrections[panels.start * Self::LANES..panels.end * Self::LANES]
    }
}
