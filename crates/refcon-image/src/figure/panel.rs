//! One image as it appears in a figure: enlarged, reduced, or cut to its centre.

use super::{Canvas, Rectangle, look};
use crate::resample::resized;
use crate::{ColourMap, GreyImage};

/// An image longer than this many times its shorter side is a strip, shown by its centre.
const STRIP: u64 = 4;

/// An image as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    /// What is drawn, each pixel as a square of `enlargement`.
    image: GreyImage,
    enlargement: u32,
    /// Screen pixels for one pixel of the image.
    pub(super) zoom: f64,
    /// Whether the image goes on to the left and right of what is shown.
    pub(super) cut_across: bool,
    /// Whether it goes on above and below.
    pub(super) cut_down: bool,
}

/// The centre of `image` that is shown: all of it, unless it is a strip, or the centre of one. `full_size` is the size of
/// the image that `image` is the centre of.
pub(super) fn centre_shown(image: &GreyImage, full_size: (u64, u64)) -> GreyImage {
    if full_size.0.max(full_size.1) <= STRIP * full_size.0.min(full_size.1) {
        return image.clone();
    }
    let shorter = image.width().min(image.height());
    // Two and a half times as long as wide: long enough to look like a strip, short enough to be seen.
    let kept = (5 * shorter).div_ceil(2);
    let (width, height) = (image.width().min(kept), image.height().min(kept));
    let (left, top) = ((image.width() - width) / 2, (image.height() - height) / 2);
    let pixels = image
        .pixels()
        .chunks_exact(image.width())
        .skip(top)
        .take(height)
        .flat_map(|row| &row[left..left + width])
        .copied()
        .collect();
    GreyImage::from_parts(width, height, pixels)
}

impl Panel {
    /// `image` at `zoom` screen pixels a pixel: a whole number of times larger with square pixels, or smaller with the
    /// antialiased filter. `full_size` is the size of the image that `image` is the centre of.
    pub(super) fn new(image: GreyImage, full_size: (u64, u64), zoom: f64) -> Panel {
        let cut_across = (image.width() as u64) < full_size.0;
        let cut_down = (image.height() as u64) < full_size.1;
        let (image, enlargement) = if zoom >= 1.0 {
            (image, zoom as u32)
        } else {
            let smaller = |side: usize| ((side as f64 * zoom).round() as u32).max(1);
            (resized(&image, smaller(image.width()), smaller(image.height())), 1)
        };
        Panel { image, enlargement, zoom, cut_across, cut_down }
    }

    /// Width on the screen in pixels.
    pub(super) fn width(&self) -> i64 {
        self.image.width() as i64 * i64::from(self.enlargement)
    }

    /// Height on the screen in pixels.
    pub(super) fn height(&self) -> i64 {
        self.image.height() as i64 * i64::from(self.enlargement)
    }

    /// Draws it in a thin frame that stays open, with three dots, where the image goes on.
    pub(super) fn draw(&self, canvas: &mut Canvas, x: i64, y: i64) {
        let area = Rectangle { x, y, width: self.width(), height: self.height() };
        canvas.frame(area, look::FRAME);
        canvas.image(&self.image, x, y, self.enlargement, ColourMap::Grey);
        let (middle_x, middle_y) = (x + area.width / 2, y + area.height / 2);
        if self.cut_across {
            for side in [x - 1, x + area.width] {
                canvas.vertical(side, y, area.height, look::PAPER);
            }
            dots(canvas, (x - 10, middle_y), (-7, 0));
            dots(canvas, (x + area.width + 9, middle_y), (7, 0));
        }
        if self.cut_down {
            for side in [y - 1, y + area.height] {
                canvas.horizontal(x, side, area.width, look::PAPER);
            }
            dots(canvas, (middle_x, y - 10), (0, -7));
            dots(canvas, (middle_x, y + area.height + 9), (0, 7));
        }
    }
}

/// Three dots from `start` on, `step` apart.
fn dots(canvas: &mut Canvas, start: (i64, i64), step: (i64, i64)) {
    for i in 0..3 {
        let (x, y) = (start.0 + i * step.0, start.1 + i * step.1);
        canvas.fill(Rectangle { x: x - 1, y: y - 1, width: 3, height: 3 }, look::INK);
    }
}

/// A zoom as people say it: `1 : 1`, `2 : 1`, `1 : 3.1`.
pub(super) fn zoom_in_words(zoom: f64) -> String {
    if zoom >= 1.0 {
        return format!("{zoom} : 1");
    }
    let reduction = format!("{:.1}", 1.0 / zoom);
    format!("1 : {}", reduction.trim_end_matches(".0"))
}
