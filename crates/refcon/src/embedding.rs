//! From a folder of tiles to embeddings.

use crate::failure::Failure;
use crate::interruption::stop_if_asked;
use crate::output::Output;
use clap::Args;
use rayon::prelude::*;
use refcon_encoders::{
    COMPACT, Device, DeviceChoice, Embeddings, Encoder, Execution, Family, Precision, Pretrained, Texture,
    device_list, is_shipped, open_encoder,
};
use refcon_image::{DecodeLimits, GreyImage, ListError, ReadImageError, TileFile};
use refcon_library::{Library, Snapshot};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

/// Tiles that are read, and then embedded, together: enough for every thread, few enough to hold in memory.
const TILES_A_BLOCK: usize = 64;
/// Blocks that may wait to be embedded.
const BLOCKS_WAITING: usize = 2;

/// The tiles of a folder that could be read, and their embeddings.
#[derive(Debug)]
pub(crate) struct EmbeddedFolder {
    /// Tiles, sorted by name.
    pub(crate) tiles: Vec<TileFile>,
    /// One a tile.
    pub(crate) embeddings: Embeddings,
    /// A line for each tile that could not be read.
    pub(crate) skipped: Vec<String>,
}

impl EmbeddedFolder {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.tiles.iter().map(|tile| tile.name.as_str()).collect()
    }
}

/// Which encoder embeds, where it runs, and how precisely.
#[derive(Debug, Clone, Args)]
pub(crate) struct EncoderArguments {
    /// `texture` or `compact`, which come with the program, or a checkpoint of ViT, CLIP, DINOv2 or ViT-MAE: its folder or file
    /// (`refcon encoders`) [default: texture; for a library that holds only compact's tiles, that]
    #[arg(long, value_name = "NAME|PATH", help_heading = "Encoder")]
    pub(crate) encoder: Option<String>,

    /// Take the checkpoint as of this family, where its tensors' names fit several: vit, clip, dinov2, mae
    #[arg(long, value_parser = family, help_heading = "Encoder")]
    pub(crate) family: Option<Family>,

    /// Where the encoder runs: auto, cpu, gpu, gpu:N, cuda, cuda:N
    #[arg(long, default_value = "auto", help_heading = "Encoder")]
    pub(crate) device: DeviceChoice,

    /// What the encoder computes in: f32, bf16 (factors rounded, sums in f32), or auto: bf16 where the processor is fast at it
    #[arg(long, default_value = "auto", value_name = "auto|f32|bf16", help_heading = "Encoder")]
    pub(crate) precision: Precision,
}

/// The encoder without weights.
const TEXTURE: &str = "texture";

/// Why it is no checkpoint.
pub(crate) const WITHOUT_WEIGHTS: &str = "the texture descriptor has no weights and no file; give `compact`, or the path of a checkpoint (a folder or a file, see `refcon \
     encoders`)";

/// Whether the encoder without weights is meant, and no file of its name.
pub(crate) fn is_without_weights(encoder: &Path) -> bool {
    encoder == Path::new(TEXTURE) && !encoder.exists()
}

/// The encoders that come with the program; the first is the default.
const BUILT_IN: [&str; 2] = [TEXTURE, COMPACT];

/// The `--family` of the command line.
pub(crate) fn family(text: &str) -> Result<Family, String> {
    let known = || Family::ALL.map(Family::name).join(", ");
    Family::ALL
        .into_iter()
        .find(|family| family.name() == text)
        .ok_or_else(|| format!("expected one of {}", known()))
}

impl EncoderArguments {
    /// Whether one was asked for.
    pub(crate) fn is_chosen(&self) -> bool {
        self.encoder.is_some()
    }

    /// The name or the path of the encoder that was asked for, or of the default.
    pub(crate) fn name(&self) -> &str {
        self.encoder.as_deref().unwrap_or(BUILT_IN[0])
    }

    /// These arguments, and where no encoder was asked for, the first of those that come with the program whose tiles the library holds.
    pub(crate) fn for_library(&self, library: &Snapshot) -> Self {
        let named = |name: &str| Self { encoder: Some(name.to_owned()), ..self.clone() };
        let held = library.encoders();
        let is_held = |arguments: &Self| {
            let opened = arguments.open();
            opened.is_ok_and(|encoder| held.iter().any(|summary| summary.encoder == *encoder.id()))
        };
        let default = || BUILT_IN.iter().map(|name| named(name)).find(is_held);
        match self.encoder.is_some() || held.is_empty() {
            true => self.clone(),
            false => default().unwrap_or_else(|| self.clone()),
        }
    }

    /// The same for a library that may not be there yet.
    pub(crate) fn for_library_at(&self, folder: &Path) -> Self {
        let held = Library::open(folder).and_then(|library| library.snapshot());
        held.map_or_else(|_| self.clone(), |held| self.for_library(&held))
    }

    /// An encoder where a training's settings have it validate: on the first of the devices that share its batches.
    pub(crate) fn validating(encoder: String, devices: &str, precision: &str) -> Result<Self, Failure> {
        let device = device_list(devices).map_err(Failure::input)?[0];
        let precision = precision.parse().map_err(Failure::input)?;
        Ok(Self { encoder: Some(encoder), family: None, device, precision })
    }

    /// The encoder that the user asked for.
    pub(crate) fn open(&self) -> Result<Box<dyn Encoder>, Failure> {
        if self.name() == TEXTURE {
            if let Some(family) = self.family {
                return Err(Failure::usage(format!(
                    "--family {}: the texture descriptor is of no family; leave it out, or give a checkpoint with --encoder",
                    family.name()
                )));
            }
            if let DeviceChoice::Gpu(_) | DeviceChoice::Cuda(_) = self.device {
                let device = self.device;
                return Err(Failure::usage(format!(
                    "--device {device}: the texture descriptor runs on the processor; leave --device out, or give a checkpoint \
                     with --encoder"
                )));
            }
            return Ok(Box::new(Texture::new()));
        }
        let (path, device, execution) = self.place()?;
        open_encoder(&path, self.family, &device, execution).map_err(Failure::input)
    }

    /// The checkpoint that the user asked for, without a head that it may have, its weights as they are, whatever they would be multiplied in.
    pub(crate) fn open_weights(&self) -> Result<Pretrained, Failure> {
        if is_without_weights(Path::new(self.name())) {
            return Err(Failure::usage(WITHOUT_WEIGHTS));
        }
        let (path, device, _) = self.place()?;
        Pretrained::open_on(&path, self.family, &device, Execution::F32).map_err(Failure::input)
    }

    /// Where the encoder lies, where it runs, and what it computes in.
    fn place(&self) -> Result<(PathBuf, Device, Execution), Failure> {
        let path = PathBuf::from(self.name());
        if !is_shipped(&path) && !path.exists() {
            return Err(Failure::input(format!(
                "no encoder {}: expected `{COMPACT}`, `{TEXTURE}`, or the path of a checkpoint (a folder or a file, see `refcon \
                 encoders`)",
                path.display()
            )));
        }
        if path.join("run.json").is_file() {
            return Err(Failure::input(format!(
                "{0} is the folder of a training; what it learned is in {0}/best, once it was validated",
                path.display()
            )));
        }
        let device = self.device.open().map_err(Failure::usage)?;
        let execution = self.precision.on(&device).map_err(Failure::usage)?;
        Ok((path, device, execution))
    }
}

/// Reads and embeds every tile of `folder`. A tile that cannot be read is skipped, or an error where `strict`.
pub(crate) fn embed_folder(
    folder: &Path,
    encoder: &dyn Encoder,
    strict: bool,
    what: &'static str,
    output: &Output,
) -> Result<EmbeddedFolder, Failure> {
    let files = tiles_of(folder)?;
    embed_tiles(&files, folder, encoder, strict, what, output)
}

/// The tiles of a folder.
pub(crate) fn tiles_of(folder: &Path) -> Result<Vec<TileFile>, Failure> {
    refcon_image::list(folder).map_err(|error| match error {
        ListError::NotAFolder { .. } if is_survey_name(folder) => Failure::input(format!(
            "{} has the name of a survey: expected a folder of images; cut it into tiles first (`refcon tile`), or search in it with \
             `refcon index` and `refcon search`",
            folder.display()
        )),
        error => Failure::input(error),
    })
}

/// Whether a file is called as surveys are.
pub(crate) fn is_survey_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["sgy", "segy", "su", "npy"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}

/// As [`embed_folder`], for some tiles of it.
pub(crate) fn embed_tiles(
    files: &[TileFile],
    folder: &Path,
    encoder: &dyn Encoder,
    strict: bool,
    what: &'static str,
    output: &Output,
) -> Result<EmbeddedFolder, Failure> {
    let mut tiles = Vec::with_capacity(files.len());
    let mut values = Vec::with_capacity(files.len() * encoder.dimension());
    let stream = EmbeddingStream { files, folder, encoder, strict, what };
    let skipped = stream.run(output, |embedded, some| {
        tiles.extend(embedded.into_iter().cloned());
        values.extend(some);
        Ok(())
    })?;
    let embeddings =
        Embeddings::new(encoder.id().clone(), encoder.dimension(), values).map_err(Failure::other)?;
    Ok(EmbeddedFolder { tiles, embeddings, skipped })
}

/// Tiles on their way from files to embeddings: the next ones are read and decoded while some are embedded, and no more are held than
/// these.
#[derive(Clone, Copy)]
pub(crate) struct EmbeddingStream<'a> {
    pub(crate) files: &'a [TileFile],
    pub(crate) folder: &'a Path,
    pub(crate) encoder: &'a dyn Encoder,
    /// A tile that cannot be read is an error, instead of being skipped.
    pub(crate) strict: bool,
    /// What the progress says.
    pub(crate) what: &'static str,
}

impl<'a> EmbeddingStream<'a> {
    /// Gives `take` the tiles and their embeddings block by block, in order. Returns a line for each tile that was skipped.
    pub(crate) fn run(
        self,
        output: &Output,
        mut take: impl FnMut(Vec<&'a TileFile>, Vec<f32>) -> Result<(), Failure>,
    ) -> Result<Vec<String>, Failure> {
        let Self { files, folder, encoder, strict, what } = self;
        let progress = output.progress(what, files.len());
        let mut skipped = Vec::new();
        let (mut any, mut read_in_all, mut dark) = (false, 0, 0);
        std::thread::scope(|scope| {
            let (send, blocks) = sync_channel(BLOCKS_WAITING);
            scope.spawn(move || read_all(files, &send));
            // Dropped when this ends, however it does: the reader then stops at its next block.
            let blocks = blocks;
            for (block, read) in &blocks {
                stop_if_asked(what)?;
                let mut tiles = Vec::with_capacity(block.len());
                let mut images = Vec::with_capacity(block.len());
                for (file, image) in block.iter().zip(read) {
                    match image {
                        Ok(image) => {
                            tiles.push(file);
                            images.push(image);
                        }
                        Err(error) if strict => return Err(Failure::input(error)),
                        Err(error) => {
                            progress.suspend(|| tracing::warn!("skipped: {error}"));
                            skipped.push(error.to_string());
                        }
                    }
                }
                any |= !tiles.is_empty();
                read_in_all += images.len();
                dark += images.iter().filter(|image| is_dark(image)).count();
                take(tiles, encoder.embed(&images).map_err(Failure::other)?)?;
                progress.inc(block.len() as u64);
            }
            Ok(())
        })?;
        progress.finish_and_clear();
        if !any {
            return Err(Failure::input(format!(
                "none of the {} image files in {} could be read; the first: {}",
                files.len(),
                folder.display(),
                skipped.first().map_or("", String::as_str)
            )));
        }
        if 2 * dark > read_in_all {
            tracing::warn!(
                "{dark} of {read_in_all} tiles in {} use less than an eighth of the grey range, as 12-bit values do that are stored in 16 \
                 bits: compared with others they are dim, not alike; stretch them to the whole range",
                folder.display()
            );
        }
        Ok(skipped)
    }
}

/// Whether a tile's brightest pixel is as dim as the brightest of 13 bits among those of 16.
fn is_dark(image: &GreyImage) -> bool {
    image.pixels().iter().all(|&level| level < 0.125)
}

/// Some files, and what was read of each.
type Block<'a> = (&'a [TileFile], Vec<Result<GreyImage, ReadImageError>>);

fn read_all<'a>(files: &'a [TileFile], send: &SyncSender<Block<'a>>) {
    let limits = DecodeLimits::default();
    for block in files.chunks(TILES_A_BLOCK) {
        let read = block.par_iter().map(|file| refcon_image::read(&file.path, &limits)).collect();
        if send.send((block, read)).is_err() {
            return;
        }
    }
}
