//! `refcon show`: pictures of sections, of tiles, and of what is done to tiles.

use crate::failure::Failure;
use crate::output::Output;
use crate::section_picture::{Colours, Look, Scale, along, blank_section, blank_slice};
use crate::survey::{Position, SurveyChoices, check_unit};
use clap::{Args, Subcommand};
use refcon_image::figure::{Canvas, Row, class_gallery, preprocess_steps, rows};
use refcon_image::{DecodeLimits, Preprocessing, pick_tiles_of_classes};
use refcon_library::files;
use refcon_seismic::{Direction, SampleAxis, Survey};
use refcon_training::pretraining::masked_autoencoder::{Rebuilt, rebuild};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Draw sections and tiles as pictures
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Section(Section),
    Preprocess(Preprocess),
    Classes(Classes),
    Mae(Mae),
}

/// A section of a survey, or a time or depth slice, with its axes; without a number, the middle inline
#[derive(Debug, Args)]
struct Section {
    /// The survey
    survey: PathBuf,

    #[command(flatten)]
    which: Which,

    /// The picture to write
    #[arg(long, short, value_name = "FILE.png")]
    output: PathBuf,

    /// Percent of absolute amplitudes that are not clipped; where all values have one sign, the percent that are not clipped at
    /// either end
    #[arg(long, default_value_t = 99.0, value_name = "PERCENT", allow_negative_numbers = true)]
    clip: f64,

    /// How amplitudes become colours
    #[arg(long, value_enum, default_value_t = Colours::Grey)]
    colours: Colours,

    #[command(flatten)]
    choices: SurveyChoices,
}

/// Which section; without any, the middle inline.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Which {
    /// The inline with this number
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    inline: Option<i32>,

    /// The crossline with this number
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    crossline: Option<i32>,

    /// The slice nearest to this time or depth, as in `1200`, `1200ms` or `2400m`
    #[arg(long, value_name = "POSITION[ms|s|m|km|ft]", allow_hyphen_values = true)]
    slice: Option<Position>,
}

/// The steps from a tile to an encoder's input: original, scaled, contrasted, resized, cropped
#[derive(Debug, Args)]
struct Preprocess {
    /// The tile: PNG, TIFF or JPEG
    image: PathBuf,

    /// The picture to write
    #[arg(long, short, value_name = "FILE.png")]
    output: PathBuf,

    /// Contrast factor; 1 changes nothing. 10 is that of the challenge's pictures; encoders that say nothing of it are given tiles with 15
    #[arg(long, default_value_t = 10.0, value_name = "FACTOR", allow_negative_numbers = true)]
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

/// What a masked autoencoder makes of tiles: original, masked, rebuilt
#[derive(Debug, Args)]
struct Mae {
    /// Folder of tiles; the first ones are shown
    tiles: PathBuf,

    /// A masked autoencoder with its decoder, such as a run's `best`
    #[arg(long, value_name = "PATH")]
    checkpoint: PathBuf,

    /// The picture to write
    #[arg(long, short, value_name = "FILE.png")]
    output: PathBuf,

    /// Tiles shown
    #[arg(short = 'n', long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=50))]
    number: u16,

    /// Share of the patches that are masked
    #[arg(long, default_value_t = 0.75, value_name = "SHARE", allow_negative_numbers = true)]
    masked: f64,

    /// Another seed masks other patches
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

impl Show {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        match &self.what {
            What::Section(section) => section.run(output),
            What::Preprocess(preprocess) => preprocess.run(output),
            What::Classes(classes) => classes.run(output),
            What::Mae(mae) => mae.run(output),
        }
    }
}

impl Section {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        check_picture(&self.output)?;
        // NaN too.
        if !(self.clip > 0.0 && self.clip <= 100.0) {
            return Err(Failure::usage(format!(
                "--clip {}: it is the percent of amplitudes that keep their own colours, the strongest get that of the bar's end; \
                 expected more than 0, at most 100, such as 99",
                self.clip
            )));
        }
        let survey = self.choices.open(&self.survey)?;
        let picture = match (self.which.slice, self.which.crossline) {
            (Some(position), _) => self.slice(&survey, position)?,
            (None, Some(line)) => self.section(&survey, Direction::Crossline, line)?,
            (None, None) => {
                let inlines = survey.lines(Direction::Inline);
                let middle = inlines.map_or(0, |inlines| inlines.number(inlines.count / 2));
                self.section(&survey, Direction::Inline, self.which.inline.unwrap_or(middle))?
            }
        };
        picture.write_png(&self.output).map_err(Failure::output)?;
        written(&self.output, output)
    }

    fn section(&self, survey: &Survey, direction: Direction, line: i32) -> Result<Canvas, Failure> {
        let mut section = survey.read_section(direction, line).map_err(Failure::input)?;
        let title = match survey.geometry().line() {
            Some(_) => survey.name().to_owned(),
            None => format!("{}, {direction} {line}", survey.name()),
        };
        blank_section(survey, &mut section);
        let counted = self.choices.only_counts_samples(survey);
        self.look(&title, &section.amplitudes).section(along(survey.geometry(), direction), section, counted)
    }

    fn slice(&self, survey: &Survey, position: Position) -> Result<Canvas, Failure> {
        let samples = survey.samples();
        check_unit("--slice", position.domain, samples.domain)?;
        let sample = nearest_sample(samples, position.value)?;
        let mut slice = survey.read_time_slice(sample).map_err(Failure::input)?;
        let title = match self.choices.only_counts_samples(survey) {
            true => format!("{}, slice at sample {sample}", survey.name()),
            false => format!("{}, slice at {} {}", survey.name(), slice.position, samples.domain.unit()),
        };
        blank_slice(survey, &mut slice);
        self.look(&title, &slice.amplitudes).slice(survey, slice)
    }

    fn look<'a>(&self, title: &'a str, values: &[f32]) -> Look<'a> {
        Look { title, scale: Scale::of(values, self.clip), colours: self.colours.into() }
    }
}

/// The index of the sample nearest to `position`, which must lie on the axis.
fn nearest_sample(samples: SampleAxis, position: f64) -> Result<usize, Failure> {
    let index = ((position - samples.first) / samples.interval).round();
    let last = samples.count.saturating_sub(1);
    if (0.0..=last as f64).contains(&index) {
        return Ok(index as usize);
    }
    let unit = samples.domain.unit();
    Err(Failure::usage(format!(
        "--slice {position}: the samples lie from {} to {} {unit}",
        samples.first,
        samples.position(last)
    )))
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

impl Mae {
    fn run(&self, output: &Output) -> Result<(), Failure> {
        check_picture(&self.output)?;
        if !(0.0..1.0).contains(&self.masked) {
            return Err(Failure::usage(format!(
                "--masked {}: expected 0 or more and less than 1",
                self.masked
            )));
        }
        let files = refcon_image::list(&self.tiles).map_err(Failure::input)?;
        let files = &files[..files.len().min(self.number.into())];
        let limits = DecodeLimits::default();
        let read = files.iter().map(|file| refcon_image::read(&file.path, &limits).map_err(Failure::input));
        let tiles = read.collect::<Result<Vec<_>, _>>()?;
        let made =
            rebuild(&self.checkpoint, &tiles, self.masked, self.seed).map_err(super::train::failure)?;
        let made = made.into_iter().zip(files).map(|(Rebuilt { original, masked, rebuilt }, file)| Row {
            caption: file.name.clone(),
            images: vec![original, masked, rebuilt],
        });
        let title = self.checkpoint.display().to_string();
        let subtitle = format!("{:.0} % of the patches are masked", 100.0 * self.masked);
        let picture =
            rows(&title, &subtitle, &["Original", "Masked", "Rebuilt"], &made.collect::<Vec<Row>>());
        picture.write_png(&self.output).map_err(Failure::output)?;
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
