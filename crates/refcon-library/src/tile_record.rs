//! What a library knows of a tile beside its embedding.

use refcon_seismic::{Direction, Domain, TileBox};
use serde::{Deserialize, Serialize};

/// A tile of a library: what it is called, and where it lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TileRecord {
    /// Its number in the library: given when it is added, never given again, ordering tiles of equal distance.
    pub id: u64,
    /// The survey it was cut from; for images, the folder they lie in.
    pub survey: String,
    /// The image file, below that folder; empty for tiles cut from surveys.
    pub file: String,
    /// Width (traces) of its image.
    pub width: u32,
    /// Height (samples) of its image.
    pub height: u32,
    /// Its class, where one is known.
    pub class: Option<String>,
    /// Where it lies, where that is known.
    pub place: Option<Place>,
}

impl TileRecord {
    /// A tile that is the image `file` of a folder called `folder`. Its id is that of no tile yet.
    #[must_use]
    pub fn of_image(folder: &str, file: &str, width: u32, height: u32) -> Self {
        let (survey, file) = (folder.to_owned(), file.to_owned());
        Self { id: 0, survey, file, width, height, class: None, place: None }
    }
}

/// Where a tile lies in its survey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Which way its section runs.
    pub direction: Direction,
    /// Number of its section.
    pub line: i32,
    /// The rectangle, by indices of the section's traces and samples.
    pub bounds: TileBox,
    /// Inline numbers of its first and last trace.
    pub inlines: [i32; 2],
    /// Crossline numbers of its first and last trace; on a 2-D line the numbers along it.
    pub crosslines: [i32; 2],
    /// Time (ms) or depth (m) of its first and last sample.
    pub range: [f64; 2],
    /// Time or depth.
    pub domain: Domain,
    /// X and Y of its first and last trace, where the survey has a bin grid.
    pub corners: Option<[[f64; 2]; 2]>,
    /// The amplitudes that are black and white in its image.
    pub grey: [f64; 2],
}
