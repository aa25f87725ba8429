//! Figures: pictures with titles, captions and axes, as PNG.

mod axes;
mod canvas;
mod classes;
mod pairs;
mod panel;
mod rows;
mod section;
mod steps;
mod text;

pub use axes::{Axis, is_wide, power_label, tick_label, ticks, widened};
pub use canvas::{Canvas, Rectangle, Rgb, WritePictureError, encode_png};
pub use classes::class_gallery;
pub use pairs::{Pair, PairGroup, pairs};
pub use rows::{Row, rows};
pub use section::{SectionPlot, section};
pub use steps::preprocess_steps;
pub use text::{Anchor, TextStyle};

/// The look that all figures share.
pub(crate) mod look {
    use super::{Rgb, TextStyle};

    pub(crate) const PAPER: Rgb = [250, 250, 248];
    pub(crate) const INK: Rgb = [32, 36, 42];
    pub(crate) const FRAME: Rgb = [124, 130, 138];
    pub(crate) const ACCENT: Rgb = [214, 84, 24];

    /// Free space around a figure, in pixels.
    pub(crate) const MARGIN: i64 = 40;

    pub(crate) const TITLE: TextStyle = TextStyle { size: 27.0, bold: true, colour: INK };
    pub(crate) const SUBTITLE: TextStyle = TextStyle { size: 18.0, bold: false, colour: [92, 98, 106] };
    pub(crate) const HEADING: TextStyle = TextStyle { size: 19.0, bold: true, colour: INK };
    /// For headings that do not fit: smaller, but never smaller than the last.
    pub(crate) const SMALLER_HEADINGS: [TextStyle; 3] =
        [HEADING, TextStyle { size: 17.0, ..HEADING }, TextStyle { size: 15.0, ..HEADING }];
    pub(crate) const CAPTION: TextStyle = TextStyle { size: 16.0, bold: false, colour: [92, 98, 106] };
}
