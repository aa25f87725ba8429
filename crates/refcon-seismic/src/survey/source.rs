//! What a survey asks of the kinds of files it can be read from.

use super::SurveyError;
use super::panel::Panel;
use super::zarr::ZarrMetadata;
use crate::segy::{Container, SegyFile, TraceBlock};
use crate::{Direction, Geometry, SampleAxis, Section, TileBox, TimeSlice};

/// Bytes of a block of traces, about.
pub(super) const BLOCK_BYTES: usize = 8 << 20;

/// Blocks of traces, one after the other.
pub(super) type Blocks<'a> = Box<dyn Iterator<Item = Result<TraceBlock, SurveyError>> + 'a>;

/// A kind of file, or of folder, that a survey can be read from; what its methods return is as [`Survey`](super::Survey)
/// says.
pub(super) trait SurveySource: Send + Sync + std::fmt::Debug {
    fn kind(&self) -> &'static str;
    fn geometry(&self) -> &Geometry;
    fn samples(&self) -> SampleAxis;
    fn trace_count(&self) -> u64;
    fn read_section(&self, direction: Direction, line: i32) -> Result<Section, SurveyError>;
    fn read_time_slice(&self, sample: usize) -> Result<TimeSlice, SurveyError>;
    fn traces(&self) -> Blocks<'_>;

    /// `bounds` lies inside the section.
    fn read_tile(&self, direction: Direction, line: i32, bounds: TileBox) -> Result<Vec<f32>, SurveyError> {
        Ok(self.read_section(direction, line)?.cut(bounds).unwrap_or_default())
    }

    /// Fills `panel` with a section where the file holds its traces so that they need no work; else gives false, and `panel`
    /// is left alone.
    fn read_panel(&self, direction: Direction, line: i32, panel: &mut Panel) -> Result<bool, SurveyError> {
        let _ = (direction, line, panel);
        Ok(false)
    }

    /// As [`Survey::live_bins`](super::Survey::live_bins).
    fn live_bins(&self) -> Option<Vec<bool>> {
        None
    }

    /// The SEG-Y file, where it is one.
    fn segy(&self) -> Option<&SegyFile> {
        None
    }

    /// What the metadata of a Zarr store say, where it is one.
    fn zarr(&self) -> Option<&ZarrMetadata> {
        None
    }
}

impl SurveySource for SegyFile {
    fn kind(&self) -> &'static str {
        match self.container() {
            Container::SegY => "SEG-Y",
            Container::Su => "SU",
        }
    }

    fn geometry(&self) -> &Geometry {
        SegyFile::geometry(self)
    }

    fn samples(&self) -> SampleAxis {
        SegyFile::samples(self)
    }

    fn trace_count(&self) -> u64 {
        SegyFile::trace_count(self)
    }

    fn read_section(&self, direction: Direction, line: i32) -> Result<Section, SurveyError> {
        Ok(SegyFile::read_section(self, direction, line)?)
    }

    fn read_tile(&self, direction: Direction, line: i32, bounds: TileBox) -> Result<Vec<f32>, SurveyError> {
        Ok(SegyFile::read_tile(self, direction, line, bounds)?)
    }

    fn read_time_slice(&self, sample: usize) -> Result<TimeSlice, SurveyError> {
        Ok(SegyFile::read_time_slice(self, sample)?)
    }

    fn traces(&self) -> Blocks<'_> {
        Box::new(SegyFile::traces(self).map(|block| block.map_err(SurveyError::from)))
    }

    fn live_bins(&self) -> Option<Vec<bool>> {
        SegyFile::live_bins(self)
    }

    fn segy(&self) -> Option<&SegyFile> {
        Some(self)
    }
}
