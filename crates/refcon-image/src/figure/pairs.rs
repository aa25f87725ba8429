//! Pairs of images side by side, under the names of their groups, such as tiles and what they were found like.

use super::panel::{Panel, zoom_in_words};
use super::{Anchor, Canvas, look};
use crate::GreyImage;

/// Width that a picture should not pass, in pixels.
const WIDTH: i64 = 1500;
/// An image's longer side is shown at most so long, in pixels.
const LARGEST_SIDE: f64 = 150.0;
const LARGEST_ZOOM: f64 = 4.0;
/// Room for captions, however small the images are, in pixels.
const NARROWEST_PAIR: i64 = 200;
const BETWEEN_IMAGES: i64 = 6;
const COLUMN_GAP: i64 = 30;
const CAPTION_LINE: i64 = 19;
const ROW_GAP: i64 = 14;
const NAME_LINE: i64 = 40;

/// Two images that belong together.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Left and right.
    pub images: [GreyImage; 2],
    /// Two lines below them, shortened to their width.
    pub captions: [String; 2],
}

/// Pairs under one name.
#[derive(Debug, Clone)]
pub struct PairGroup {
    /// Stands above them.
    pub name: String,
    /// The pairs, from left to right, row by row.
    pub pairs: Vec<Pair>,
}

/// A picture of groups of pairs, all images at one scale.
#[must_use]
pub fn pairs(title: &str, subtitle: &str, groups: &[PairGroup]) -> Canvas {
    let images = || groups.iter().flat_map(|group| &group.pairs).flat_map(|pair| &pair.images);
    let longest = images().map(|image| image.width().max(image.height())).max().unwrap_or(1) as f64;
    let fitting = (LARGEST_SIDE / longest).min(LARGEST_ZOOM);
    let zoom = if fitting >= 1.0 { fitting.floor() } else { fitting };
    let side = images().map(GreyImage::width).max().unwrap_or(1) as f64 * zoom;
    let half = side.round() as i64 + BETWEEN_IMAGES;
    let column = (2 * half - BETWEEN_IMAGES).max(NARROWEST_PAIR);
    let columns = ((WIDTH - 2 * look::MARGIN + COLUMN_GAP) / (column + COLUMN_GAP)).max(1);
    let subtitle = format!("{subtitle}; shown {}", zoom_in_words(zoom));
    let text_width = look::TITLE.width(title).max(look::SUBTITLE.width(&subtitle)).ceil() as i64;
    let width = 2 * look::MARGIN + (columns * (column + COLUMN_GAP) - COLUMN_GAP).max(text_width);
    let panel =
        |image: &GreyImage| Panel::new(image.clone(), (image.width() as u64, image.height() as u64), zoom);
    // Rows of each group, each with its height.
    let rows: Vec<Vec<(&[Pair], i64)>> = groups
        .iter()
        .map(|group| {
            let rows = group.pairs.chunks(columns as usize);
            let tallest = |row: &[Pair]| {
                row.iter().flat_map(|pair| &pair.images).map(|image| panel(image).height()).max().unwrap_or(0)
            };
            rows.map(|row| (row, tallest(row))).collect()
        })
        .collect();
    let row_height = |height: i64| height + 2 * CAPTION_LINE + ROW_GAP;
    let groups_height: i64 = rows
        .iter()
        .map(|rows| NAME_LINE + rows.iter().map(|(_, height)| row_height(*height)).sum::<i64>())
        .sum();
    let first_top = look::MARGIN + 66;

    let mut canvas =
        Canvas::new(width as u32, (first_top + groups_height + look::MARGIN) as u32, look::PAPER);
    let left = look::MARGIN as f32;
    canvas.text(title, left, left - 8.0, &look::TITLE, Anchor::Left);
    canvas.text(&subtitle, left, left + 28.0, &look::SUBTITLE, Anchor::Left);
    let mut top = first_top;
    for (group, rows) in groups.iter().zip(&rows) {
        let heading = look::HEADING.shortened(&group.name, (width - 2 * look::MARGIN) as f32);
        canvas.text(&heading, left, top as f32 + 8.0, &look::HEADING, Anchor::Left);
        top += NAME_LINE;
        for (row, height) in rows {
            for (number, pair) in row.iter().enumerate() {
                let x = look::MARGIN + number as i64 * (column + COLUMN_GAP);
                for (place, image) in pair.images.iter().enumerate() {
                    panel(image).draw(&mut canvas, x + place as i64 * half, top);
                }
                for (line, caption) in pair.captions.iter().enumerate() {
                    let caption = look::CAPTION.shortened(caption, column as f32);
                    let y = top + height + 3 + line as i64 * CAPTION_LINE;
                    canvas.text(&caption, x as f32, y as f32, &look::CAPTION, Anchor::Left);
                }
            }
            top += row_height(*height);
        }
    }
    canvas
}
