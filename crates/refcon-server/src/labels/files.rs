//! Labelled tiles as the files of a training folder.

use crate::app::Shared;
use crate::error::ApiError;
use crate::library::Current;
use crate::picture::png;
use crate::tiles::{TileView, picture_of, view_of};
use refcon_image::ColourMap;
use std::sync::Arc;

/// A labelled tile.
pub(crate) struct Labelled {
    pub(crate) view: TileView,
    /// Its file, `train/<class>/<survey>-<tile>.png`, and what is in it; none where there is no picture of the tile.
    pub(crate) picture: Option<(String, Vec<u8>)>,
}

/// A labelled tile with its picture; none where the tile is no longer in the library.
pub(crate) async fn labelled(
    app: &Shared,
    current: &Arc<Current>,
    tile: u64,
    class: &str,
) -> Result<Option<Labelled>, ApiError> {
    let Ok(row) = current.row_of(tile) else { return Ok(None) };
    let (record, picture) = picture_of(app, current, row).await?;
    // As the encoder saw it, so that training sees the same.
    let png = png(&picture, record.place.as_ref(), None, ColourMap::Grey);
    let view = view_of(app, record);
    let picture = png.map(|png| (file_of(class, &view.survey, tile), png));
    Ok(Some(Labelled { view, picture }))
}

/// A library may call its surveys as it likes; a file may not be called so.
fn file_of(class: &str, survey: &str, tile: u64) -> String {
    let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let survey: String = survey.chars().map(|c| if fits(c) { c } else { '-' }).take(LONGEST_SURVEY).collect();
    format!("train/{class}/{survey}-{tile:08}.png")
}

/// Characters of a survey's name in a file's: with the longest alphabet, a name that every file system takes.
const LONGEST_SURVEY: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survey_names_no_other_folder() {
        assert_eq!(file_of("Salt", "cube", 3), "train/Salt/cube-00000003.png");
        assert_eq!(file_of("Salt", "../../etc/Tür", 3), "train/Salt/------etc-Tür-00000003.png");
        assert!(
            file_of("Salt", &"断".repeat(300), 3).rsplit('/').next().is_some_and(|name| name.len() < 255)
        );
    }
}
