//! Images in rows and columns, such as a tile before and after something is done to it.

use super::panel::{Panel, zoom_in_words};
use super::{Anchor, Canvas, look};
use crate::GreyImage;

/// Width that all columns together should not pass, in pixels.
const WIDTH: f64 = 1200.0;
const LARGEST_ZOOM: f64 = 4.0;
const COLUMN_GAP: i64 = 28;
const ROW_GAP: i64 = 16;
const CAPTION_LINE: i64 = 26;

/// A row: what it shows, and an image for each column.
#[derive(Debug, Clone)]
pub struct Row {
    /// Stands below its images.
    pub caption: String,
    /// One a column.
    pub images: Vec<GreyImage>,
}

/// A picture of rows below column headings; all images at one scale.
#[must_use]
pub fn rows(title: &str, subtitle: &str, columns: &[&str], rows: &[Row]) -> Canvas {
    let images = || rows.iter().flat_map(|row| &row.images);
    let widest = images().map(GreyImage::width).max().unwrap_or(1) as f64;
    let count = columns.len().max(1) as i64;
    let fitting =
        ((WIDTH - (count - 1) as f64 * COLUMN_GAP as f64) / count as f64 / widest).min(LARGEST_ZOOM);
    let zoom = if fitting >= 1.0 { fitting.floor() } else { fitting };
    let whole = |image: &GreyImage| (image.width() as u64, image.height() as u64);
    let shown: Vec<Vec<Panel>> = rows
        .iter()
        .map(|row| row.images.iter().map(|image| Panel::new(image.clone(), whole(image), zoom)).collect())
        .collect();
    let heights: Vec<i64> =
        shown.iter().map(|row| row.iter().map(Panel::height).max().unwrap_or(0)).collect();
    let column = ((widest * zoom).round() as i64).max(1);
    let subtitle = format!("{subtitle}; shown {}", zoom_in_words(zoom));
    let text_width = look::TITLE.width(title).min(600.0).max(look::SUBTITLE.width(&subtitle)).ceil() as i64;
    let width = 2 * look::MARGIN + (count * (column + COLUMN_GAP) - COLUMN_GAP).max(text_width);
    let headings_top = look::MARGIN + 74;
    let first_top = headings_top + 34;
    let total: i64 = heights.iter().map(|height| height + CAPTION_LINE + ROW_GAP).sum();

    let mut canvas = Canvas::new(width as u32, (first_top + total + look::MARGIN) as u32, look::PAPER);
    let left = look::MARGIN as f32;
    let title = look::TITLE.shortened(title, (width - 2 * look::MARGIN) as f32);
    canvas.text(&title, left, left - 8.0, &look::TITLE, Anchor::Left);
    canvas.text(&subtitle, left, left + 28.0, &look::SUBTITLE, Anchor::Left);
    let place = |number: usize| look::MARGIN + number as i64 * (column + COLUMN_GAP);
    for (number, heading) in columns.iter().enumerate() {
        canvas.text(heading, place(number) as f32, headings_top as f32, &look::HEADING, Anchor::Left);
    }
    let mut top = first_top;
    for ((row, panels), height) in rows.iter().zip(&shown).zip(&heights) {
        for (number, panel) in panels.iter().enumerate() {
            panel.draw(&mut canvas, place(number), top);
        }
        let caption = look::CAPTION.shortened(&row.caption, (width - 2 * look::MARGIN) as f32);
        canvas.text(&caption, left, (top + height + 4) as f32, &look::CAPTION, Anchor::Left);
        top += height + CAPTION_LINE + ROW_GAP;
    }
    canvas
}
