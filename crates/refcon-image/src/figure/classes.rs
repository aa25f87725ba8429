//! A column of example tiles a class.

use super::panel::Panel;
use super::{Anchor, Canvas, TextStyle, look};
use crate::folder::count;
use crate::{ClassTiles, GreyImage};

/// Width that all columns together should not pass, in pixels, where their names allow it.
const WIDTH: i64 = 1800;
const WIDEST_COLUMN: i64 = 220;
const NARROWEST_COLUMN: i64 = 104;
/// A tile is shown at most this high, in pixels.
const TALLEST_TILE: f64 = 330.0;
const LARGEST_ZOOM: f64 = 8.0;
const COLUMN_GAP: i64 = 28;
const ROW_GAP: i64 = 16;
const NAME_LINES: usize = 3;
const NAME_LINE: i64 = 24;

/// A column a class: its name, how many tiles it has, and the tiles picked, all at one scale.
#[must_use]
pub fn class_gallery(title: &str, classes: &[ClassTiles]) -> Canvas {
    let tiles = || classes.iter().flat_map(|class| &class.tiles);
    let widest = tiles().map(GreyImage::width).max().unwrap_or(1) as f64;
    let tallest = tiles().map(GreyImage::height).max().unwrap_or(1) as f64;
    let columns = classes.len().max(1) as i64;
    let room = ((WIDTH - (columns - 1) * COLUMN_GAP) / columns).clamp(NARROWEST_COLUMN, WIDEST_COLUMN);
    let fitting = (room as f64 / widest).min(TALLEST_TILE / tallest).min(LARGEST_ZOOM);
    let zoom = if fitting >= 1.0 { fitting.floor() } else { fitting };

    let shown: Vec<Vec<Panel>> = classes
        .iter()
        .map(|class| {
            let whole = |tile: &GreyImage| (tile.width() as u64, tile.height() as u64);
            class.tiles.iter().map(|tile| Panel::new(tile.clone(), whole(tile), zoom)).collect()
        })
        .collect();
    let column = ((widest * zoom).round() as i64).max(NARROWEST_COLUMN);
    let names: Vec<(TextStyle, Vec<String>)> =
        classes.iter().map(|class| name_in_lines(&class.name, column as f32)).collect();
    let name_lines = names.iter().map(|(_, lines)| lines.len()).max().unwrap_or(1) as i64;
    let rows = shown.iter().map(Vec::len).max().unwrap_or(0);
    let row_heights: Vec<i64> = (0..rows)
        .map(|row| shown.iter().filter_map(|tiles| tiles.get(row)).map(Panel::height).max().unwrap_or(0))
        .collect();

    let subtitle = subtitle(classes, widest, tallest, zoom);
    let text_width = look::TITLE.width(title).min(600.0).max(look::SUBTITLE.width(&subtitle)).ceil() as i64;
    let width = 2 * look::MARGIN + (columns * (column + COLUMN_GAP) - COLUMN_GAP).max(text_width);
    let names_top = look::MARGIN + 74;
    let tiles_top = names_top + name_lines * NAME_LINE + 34;
    let tiles_height: i64 = row_heights.iter().map(|height| height + ROW_GAP).sum();
    let height = tiles_top + tiles_height + look::MARGIN;

    let mut canvas = Canvas::new(width as u32, height as u32, look::PAPER);
    let left = look::MARGIN as f32;
    let title = look::TITLE.shortened(title, (width - 2 * look::MARGIN) as f32);
    canvas.text(&title, left, left - 8.0, &look::TITLE, Anchor::Left);
    canvas.text(&subtitle, left, left + 28.0, &look::SUBTITLE, Anchor::Left);
    for (i, class) in classes.iter().enumerate() {
        let x = look::MARGIN + i as i64 * (column + COLUMN_GAP);
        // Names of one line stand next to their tiles, not next to the title.
        let (style, lines) = &names[i];
        let first_line = name_lines - lines.len() as i64;
        for (line, text) in (first_line..).zip(lines) {
            let y = names_top + line * NAME_LINE;
            canvas.text(text, x as f32, y as f32, style, Anchor::Left);
        }
        let y = names_top + name_lines * NAME_LINE;
        canvas.text(&count(class.count, "tile", "tiles"), x as f32, y as f32, &look::CAPTION, Anchor::Left);
        let mut y = tiles_top;
        for (panel, row_height) in shown[i].iter().zip(&row_heights) {
            panel.draw(&mut canvas, x, y);
            y += row_height + ROW_GAP;
        }
    }
    canvas
}

/// A class's name in the largest style in which it fits whole, or shortened in the smallest.
fn name_in_lines(name: &str, width: f32) -> (TextStyle, Vec<String>) {
    let attempts = look::SMALLER_HEADINGS.map(|style| (style, style.wrapped(name, width, NAME_LINES)));
    let letters = |text: &str| text.split_whitespace().collect::<String>();
    let is_whole = |lines: &[String]| letters(&lines.concat()) == letters(name);
    let fitting = attempts.iter().position(|(_, lines)| is_whole(lines)).unwrap_or(attempts.len() - 1);
    attempts[fitting].clone()
}

fn subtitle(classes: &[ClassTiles], widest: f64, tallest: f64, zoom: f64) -> String {
    let total: usize = classes.iter().map(|class| class.count).sum();
    format!(
        "{}, {}; up to {widest} × {tallest} pixels, shown {}",
        count(classes.len(), "class", "classes"),
        count(total, "tile", "tiles"),
        super::panel::zoom_in_words(zoom)
    )
}
