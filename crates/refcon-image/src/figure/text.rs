//! Text on a canvas, in the font `DejaVu Sans` (Latin-1 and a few symbols).

use super::{Canvas, Rgb};
use ab_glyph::{Font, FontRef, ScaleFont, point};
use std::sync::LazyLock;

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../../assets/DejaVuSans-subset.ttf"))
        .expect("the font is a part of the program")
});
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../../assets/DejaVuSans-Bold-subset.ttf"))
        .expect("the font is a part of the program")
});

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TextStyle {
    /// Height of a line from ascender to descender, in pixels.
    pub size: f32,
    /// Whether it is bold.
    pub bold: bool,
    /// Its colour.
    pub colour: Rgb,
}

/// Which part of a text stands at the position given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Left,
    /// Its middle.
    Middle,
    /// Its right end.
    Right,
}

impl TextStyle {
    fn font(&self) -> &'static FontRef<'static> {
        if self.bold { &BOLD } else { &REGULAR }
    }

    /// Width of one line of text, in pixels.
    #[must_use]
    pub fn width(&self, text: &str) -> f32 {
        let font = self.font().as_scaled(self.size);
        text.chars().map(|c| font.h_advance(font.glyph_id(c))).sum()
    }

    /// `text`, or as much of its start and end as fits into `width` pixels with … between them.
    #[must_use]
    pub fn shortened(&self, text: &str, width: f32) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let letters: Vec<char> = text.chars().collect();
        for kept in (0..letters.len()).rev() {
            let head = kept.div_ceil(2);
            let tail = kept - head;
            let shorter: String =
                letters[..head].iter().chain(&['…']).chain(&letters[letters.len() - tail..]).collect();
            if self.width(&shorter) <= width {
                return shorter;
            }
        }
        String::new()
    }

    /// `text` in at most `lines` lines of `width` pixels, broken after spaces, `_`, `-` and `/`. What is still too long
    /// is shortened.
    #[must_use]
    pub fn wrapped(&self, text: &str, width: f32, lines: usize) -> Vec<String> {
        let mut finished: Vec<String> = Vec::new();
        let mut line = String::new();
        for part in text.split_inclusive([' ', '_', '-', '/']) {
            let longer = format!("{line}{part}");
            if line.is_empty() || finished.len() + 1 >= lines || self.width(longer.trim_end()) <= width {
                line = longer;
            } else {
                finished.push(std::mem::replace(&mut line, part.to_owned()));
            }
        }
        finished.push(line);
        finished.iter().map(|line| self.shortened(line.trim_end(), width)).collect()
    }
}

impl Canvas {
    /// Draws one line of text; `y` is the top of the line.
    pub fn text(&mut self, text: &str, x: f32, y: f32, style: &TextStyle, anchor: Anchor) {
        let font = style.font().as_scaled(style.size);
        let start = match anchor {
            Anchor::Left => x,
            Anchor::Middle => x - style.width(text) / 2.0,
            Anchor::Right => x - style.width(text),
        };
        // A baseline between two rows of pixels would blur every letter.
        let baseline = (y + font.ascent()).round();
        let mut pen = start;
        for c in text.chars() {
            let mut glyph = font.scaled_glyph(c);
            glyph.position = point(pen, baseline);
            pen += font.h_advance(glyph.id);
            if let Some(outline) = font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|column, row, coverage| {
                    let (x, y) = (corner.x as i64 + i64::from(column), corner.y as i64 + i64::from(row));
                    self.mix(x, y, style.colour, coverage);
                });
            }
        }
    }

    /// Draws one line of text from the bottom up, its middle at `y`; `x` is the left of the line's height.
    pub fn text_upwards(&mut self, text: &str, x: f32, y: f32, style: &TextStyle) {
        let font = style.font().as_scaled(style.size);
        let baseline = (x + font.ascent()).round();
        let start = y + style.width(text) / 2.0;
        let mut pen = 0.0;
        for c in text.chars() {
            let mut glyph = font.scaled_glyph(c);
            glyph.position = point(pen, 0.0);
            pen += font.h_advance(glyph.id);
            if let Some(outline) = font.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|column, row, coverage| {
                    let x = baseline + corner.y + row as f32;
                    let y = start - corner.x - column as f32;
                    self.mix(x as i64, y.round() as i64, style.colour, coverage);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STYLE: TextStyle = TextStyle { size: 16.0, bold: false, colour: [0, 0, 0] };

    #[test]
    fn the_fonts_hold_every_symbol_the_figures_use() {
        for font in [&*REGULAR, &*BOLD] {
            for c in "→←×·–—…°µ≥≤≠Σ√✓✗−äéß".chars() {
                assert_ne!(font.glyph_id(c).0, 0, "{c}");
            }
        }
    }

    #[test]
    fn names_wrap_at_underscores() {
        let width = STYLE.width("Converging_");
        assert_eq!(STYLE.wrapped("Converging_Amplitudes", width, 2), ["Converging_", "Amplitudes"]);
        assert_eq!(STYLE.wrapped("Salt", width, 2), ["Salt"]);
    }

    #[test]
    fn a_long_text_keeps_its_start_and_its_end() {
        let short = STYLE.shortened("line_0001_inline_0002.png", STYLE.width("line_0001_0002"));
        assert!(short.starts_with("line") && short.contains('…') && short.ends_with(".png"), "{short}");
    }

    #[test]
    fn upward_text_is_the_level_text_turned() {
        let (mut level, mut upward) = (Canvas::new(60, 20, [255; 3]), Canvas::new(20, 60, [255; 3]));
        // Even widths keep both starts on whole pixels.
        let start = 10.0;
        level.text("Il", start, 1.0, &STYLE, Anchor::Left);
        upward.text_upwards("Il", 1.0, 60.0 - start - STYLE.width("Il") / 2.0, &STYLE);
        let ink = |canvas: &Canvas| {
            let places = (0..60).flat_map(|x| (0..60).map(move |y| (x, y)));
            places.filter_map(|(x, y)| canvas.pixel(x, y)).map(|p| 255 - u64::from(p[0])).sum::<u64>()
        };
        assert!(ink(&level) > 1000);
        assert_eq!(ink(&level), ink(&upward));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(text in "[A-Za-z_ ]{0,60}", width in 20.0f32..300.0, lines in 1usize..4) {
            let wrapped = STYLE.wrapped(&text, width, lines);
            prop_assert!(wrapped.len() <= lines);
            for line in wrapped {
                prop_assert!(STYLE.width(&line) <= width, "{line}");
            }
        }
    }
}
