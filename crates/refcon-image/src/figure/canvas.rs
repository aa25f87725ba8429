//! An RGB picture to draw on, and PNG.

use crate::{ColourMap, GreyImage};
use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// An sRGB colour.
pub type Rgb = [u8; 3];

/// A picture could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the picture {}: {cause}", path.display())]
pub struct WritePictureError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What the system said.
    pub cause: io::Error,
}

/// An RGB picture. Positions are in pixels from the top left corner; what lies outside is not drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<Rgb>,
}

/// A rectangle in pixels: its top left corner and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rectangle {
    /// Left edge.
    pub x: i64,
    /// Top edge.
    pub y: i64,
    /// Pixels across.
    pub width: i64,
    /// Pixels down.
    pub height: i64,
}

impl Canvas {
    /// A picture of one colour; a side of zero counts as one.
    #[must_use]
    pub fn new(width: u32, height: u32, background: Rgb) -> Canvas {
        let (width, height) = (width.max(1), height.max(1));
        Canvas { width, height, pixels: vec![background; width as usize * height as usize] }
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The colour at a place, or `None` outside.
    #[must_use]
    pub fn pixel(&self, x: i64, y: i64) -> Option<Rgb> {
        self.index(x, y).map(|index| self.pixels[index])
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, area: Rectangle, colour: Rgb) {
        let columns = clip(area.x, area.width, self.width);
        for y in clip(area.y, area.height, self.height) {
            let row = y * self.width as usize;
            self.pixels[row + columns.start..row + columns.end].fill(colour);
        }
    }

    /// Draws a frame one pixel wide around a rectangle, just outside it.
    pub fn frame(&mut self, area: Rectangle, colour: Rgb) {
        let Rectangle { x, y, width, height } = area;
        self.horizontal(x - 1, y - 1, width + 2, colour);
        self.horizontal(x - 1, y + height, width + 2, colour);
        self.vertical(x - 1, y - 1, height + 2, colour);
        self.vertical(x + width, y - 1, height + 2, colour);
    }

    /// Draws a horizontal line one pixel thick, from `x` to the right.
    pub fn horizontal(&mut self, x: i64, y: i64, length: i64, colour: Rgb) {
        self.fill(Rectangle { x, y, width: length, height: 1 }, colour);
    }

    /// Draws a vertical line one pixel thick, from `y` down.
    pub fn vertical(&mut self, x: i64, y: i64, length: i64, colour: Rgb) {
        self.fill(Rectangle { x, y, width: 1, height: length }, colour);
    }

    /// Draws an image with its top left corner at `x`, `y`, each of its pixels as a square of `enlargement` pixels.
    pub fn image(&mut self, image: &GreyImage, x: i64, y: i64, enlargement: u32, colours: ColourMap) {
        let side = i64::from(enlargement);
        for (row, pixels) in image.pixels().chunks_exact(image.width()).enumerate() {
            for (column, &value) in pixels.iter().enumerate() {
                let area = Rectangle {
                    x: x + column as i64 * side,
                    y: y + row as i64 * side,
                    width: side,
                    height: side,
                };
                self.fill(area, colours.rgb(value));
            }
        }
    }

    /// Mixes `colour` into one pixel; `share` is its part, 0 to 1.
    pub(crate) fn mix(&mut self, x: i64, y: i64, colour: Rgb, share: f32) {
        if let Some(index) = self.index(x, y) {
            let under = self.pixels[index];
            self.pixels[index] = std::array::from_fn(|channel| {
                let (below, above) = (f32::from(under[channel]), f32::from(colour[channel]));
                (below + share.clamp(0.0, 1.0) * (above - below)).round() as u8
            });
        }
    }

    /// The picture as the bytes of a PNG file.
    #[must_use]
    pub fn to_png(&self) -> Vec<u8> {
        png(self.width, self.height, self.pixels.as_flattened(), ExtendedColorType::Rgb8)
    }

    /// Writes the picture as a PNG file: beside its place first, then renamed, so that nobody reads half of it.
    ///
    /// # Errors
    /// When the folder is missing or the system refuses; the error names `path`.
    pub fn write_png(&self, path: &Path) -> Result<(), WritePictureError> {
        write_whole(path, &self.to_png()).map_err(|cause| WritePictureError {
            path: path.to_path_buf(),
            cause: without_temporary_name(cause),
        })
    }

    fn index(&self, x: i64, y: i64) -> Option<usize> {
        let x = u32::try_from(x).ok().filter(|&x| x < self.width)?;
        let y = u32::try_from(y).ok().filter(|&y| y < self.height)?;
        Some(y as usize * self.width as usize + x as usize)
    }
}

/// An image as the bytes of an 8-bit grey PNG file, values clamped to 0..1.
#[must_use]
pub fn encode_png(image: &GreyImage) -> Vec<u8> {
    png(image.width() as u32, image.height() as u32, &image.to_8bit(), ExtendedColorType::L8)
}

fn png(width: u32, height: u32, samples: &[u8], colour: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(samples, width, height, colour)
        .expect("the sides are 1 to 2³¹ − 1, the samples as many as they say, and memory takes every write");
    bytes
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = new_file_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|refused| refused.error)?;
    Ok(())
}

/// What the system said, without the name of the temporary file, which means nothing to the reader.
fn without_temporary_name(error: io::Error) -> io::Error {
    let text = error.to_string();
    // The crate tempfile keeps what the system said to itself, but for the words.
    match text.split_once(" at path ") {
        Some((said, _)) if error.get_ref().is_some() => io::Error::new(error.kind(), said),
        _ => error,
    }
}

/// A temporary file that ends up with the rights of any new file; without asking, only its owner could read it.
#[cfg(unix)]
fn new_file_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o666)).tempfile_in(folder)
}

#[cfg(not(unix))]
fn new_file_in(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::NamedTempFile::new_in(folder)
}

/// The part of `start..start + length` that lies in `0..end`.
fn clip(start: i64, length: i64, end: u32) -> std::ops::Range<usize> {
    let end = i64::from(end);
    let first = start.clamp(0, end);
    let last = start.saturating_add(length).clamp(first, end);
    first as usize..last as usize
}
