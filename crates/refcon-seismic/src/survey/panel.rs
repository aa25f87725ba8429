//! A section as many files hold it: trace by trace.

use super::frame::transpose;
use crate::TileBox;

/// The traces of a section, one after the other. Kept from section to section, so that its memory is asked for once.
#[derive(Debug, Default)]
pub(crate) struct Panel {
    /// `[traces, samples]`.
    pub(super) amplitudes: Vec<f32>,
    pub(super) samples: usize,
}

impl Panel {
    /// The amplitudes inside `tile`, `[tile.samples, tile.traces]`, or `None` where it does not lie inside the section.
    pub(crate) fn cut(&self, tile: TileBox) -> Option<Vec<f32>> {
        let traces = self.amplitudes.len() / self.samples.max(1);
        if !tile.is_inside(self.samples, traces) {
            return None;
        }
        let rows = &self.amplitudes[tile.first_trace * self.samples..][..tile.traces * self.samples];
        let mut amplitudes = vec![0.0; tile.samples * tile.traces];
        let values = tile.first_sample..tile.first_sample + tile.samples;
        transpose(rows, self.samples, values, &mut amplitudes);
        Some(amplitudes)
    }
}
