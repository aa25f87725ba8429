//! `refcon show`: pictures of tiles and of what is done to them.

use crate::failure::Failure;
use crate::output::Output;
use clap::{Args, Subcommand};
use refcon_image::figure::{class_gallery, preprocess_steps};
use refcon_image::{DecodeLimits, Preprocessing, pick_tiles_of_classes};
use refcon_library::files;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Draw tiles, and what is done to them, as a picture
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Preprocess(Preprocess),
    Classes(Classes),
}

/// The steps from a tile to an encoder's input: original, scaled, contrasted, resized, cropped
#[derive(Debug, Args)]
struct Preprocess {
    /// The tile: PNG, TIFF or JPEG
    image: PathBuf,

    /// The picture to write
    #[arg(long, short, value_name = "FILE.png")]
    output: PathBuf,

    /// Contrast factor; 1 changes nothing
    #[arg(long, default_value_t = 10.0, value_name = "FACTOR")]
    contrast: f32,

    /// Length of the shorter side after the resize, in pixels
    #[arg(long, default_value_t = 256, value_name = "PIXELS")]
    resize: u32,

    /// Side of the square that is cut from the centre, in pixels
    #[arg(long, default_value_t = 224, value_name = "PIXELS")]
    crop: u32,
}

/// A few tiles of every class of a labelled folder, a column a class
#[derive(Debug, Args)]
struct Classes {
    /// Folder with one subfolder of tiles a class, such as train/Fault/0001.png
    folder: PathBuf,

    /// The picture to write
    #[arg(long, short, value_name = "FILE.png")]
    output: PathBuf,

    /// Tiles of each class
    #[arg(short = 'n', long, default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    tiles: u16,

    /// Another seed picks other tiles
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

impl Show {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        match &self.what {
            What::Preprocess(preprocess) => preprocess.run(output),
            What::Classes(classes) => classes.run(output),
        }
    }
}

impl Preprocess {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        check_picture(&self.output)?;
        if self
            .output
            .canonicalize()
            .is_ok_and(|output| self.image.canonicalize().is_ok_and(|image| image == output))
        {
            return Err(Failure::usage(format!(
                "{} would replace the tile itself; give another -o",
                self.output.display()
            )));
        }
        let preprocessing =
            Preprocessing::new(self.contrast, self.resize, self.crop).map_err(Failure::usage)?;
        let image = refcon_image::read(&self.image, &DecodeLimits::default()).map_err(Failure::input)?;
        let name =
            self.image.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        preprocess_steps(&name, &image, &preprocessing).write_png(&self.output).map_err(Failure::output)?;
        written(&self.output, output)
    }
}

impl Classes {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        check_picture(&self.output)?;
        let limits = DecodeLimits::default();
        let classes = pick_tiles_of_classes(&self.folder, self.tiles.into(), self.seed, &limits)
            .map_err(Failure::input)?;
        let title = self.folder.display().to_string();
        class_gallery(&title, &classes).write_png(&self.output).map_err(Failure::output)?;
        written(&self.output, output)
    }
}

/// A picture is a PNG file, whatever its name says: so the name should say that.
fn check_picture(path: &Path) -> Result<(), Failure> {
    if !path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png")) {
        return Err(Failure::usage(format!(
            "{}: pictures are PNG files, expected a name that ends in .png",
            path.display()
        )));
    }
    files::check_writable(path).map_err(Failure::output)
}

fn written(picture: &Path, output: &Output) -> Result<(), Failure> {
    output.result(&format!("picture: {}", picture.display()), &json!({ "picture": picture }))
}
