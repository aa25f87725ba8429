//! Surveys that are pictures: one image is a section, a folder of equally large ones a volume.

mod decode;
mod order;

use super::SurveyError;
use super::frame::{Frame, transpose};
use super::options::{ArrayAxes, ArrayShape};
use super::place::Place;
use super::source::{Blocks, SurveySource};
use crate::segy::{ReadAt, TraceBlock};
use crate::{Direction, Geometry, SampleAxis, Section, TimeSlice};
use rayon::prelude::*;
use std::path::Path;

pub(super) use decode::looks_like_an_image;

/// Endings of file names that are taken for images.
const ENDINGS: [&str; 5] = ["png", "tif", "tiff", "jpg", "jpeg"];

/// Images of one size, decoded when something of them is asked for.
#[derive(Debug)]
pub(super) struct ImageStack {
    frame: Frame,
    images: Vec<Place>,
}

/// Whether a file's name says that it is an image.
pub(super) fn is_named_image(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

impl ImageStack {
    /// One image: a section.
    pub(super) fn section(place: Place, file: &dyn ReadAt, axes: &ArrayAxes) -> Result<Self, SurveyError> {
        let [width, height] = decode::size(&place.shown(), file)?;
        let frame = Frame::new(&place.shown(), ArrayShape::Section([height, width]), axes)?;
        Ok(Self { frame, images: vec![place] })
    }

    /// The images among `names`, the files of `folder`: the inlines of a volume. `None` where there are none.
    pub(super) fn volume(
        folder: &Place,
        names: Vec<String>,
        axes: &ArrayAxes,
    ) -> Result<Option<Self>, SurveyError> {
        let mut names = names;
        names.retain(|name| !name.starts_with('.') && is_named_image(name));
        names.sort_by(|a, b| order::natural(a, b));
        if names.is_empty() {
            return Ok(None);
        }
        let images: Vec<Place> = names.iter().map(|name| folder.child(name)).collect();
        let sizes: Vec<[usize; 2]> = images.par_iter().map(size_of_image).collect::<Result<_, _>>()?;
        if let Some(other) = sizes.iter().position(|size| *size != sizes[0]) {
            return Err(SurveyError::ImageSizes {
                first: images[0].shown(),
                first_size: sizes[0],
                other: images[other].shown(),
                other_size: sizes[other],
            });
        }
        let [width, height] = sizes[0];
        let mut axes = *axes;
        if let Some((first, step)) = order::numbering(&names) {
            (axes.first_inline, axes.inline_step) = (first, step);
        }
        let shape = ArrayShape::Volume([images.len(), width, height]);
        Ok(Some(Self { frame: Frame::new(&folder.shown(), shape, &axes)?, images }))
    }

    /// The amplitudes of an image, `[samples, traces]`.
    fn decode(&self, index: usize) -> Result<Vec<f32>, SurveyError> {
        let place = &self.images[index];
        let path = place.shown();
        let file = place.open().map_err(|source| SurveyError::Open { path: path.clone(), source })?;
        decode::amplitudes(&path, file.as_ref(), [self.width(), self.frame.samples.count])
    }

    fn width(&self) -> usize {
        match &self.frame.geometry {
            Geometry::Volume(volume) => volume.crosslines.count,
            Geometry::Line(line) => line.traces.count,
        }
    }
}

fn size_of_image(place: &Place) -> Result<[usize; 2], SurveyError> {
    let path = place.shown();
    let file = place.open().map_err(|source| SurveyError::Open { path: path.clone(), source })?;
    decode::size(&path, file.as_ref())
}

impl SurveySource for ImageStack {
    fn kind(&self) -> &'static str {
        if self.images.len() == 1 { "image" } else { "folder of images" }
    }

    fn geometry(&self) -> &Geometry {
        &self.frame.geometry
    }

    fn samples(&self) -> SampleAxis {
        self.frame.samples
    }

    fn trace_count(&self) -> u64 {
        self.frame.traces() as u64
    }

    fn read_section(&self, direction: Direction, line: i32) -> Result<Section, SurveyError> {
        let place = self.frame.place(direction, line)?;
        let amplitudes = match direction {
            Direction::Inline => self.decode(place.index)?,
            Direction::Crossline => {
                let (width, samples) = (self.width(), self.frame.samples.count);
                let mut traces = self.frame.zeros(self.images.len(), samples)?;
                traces.par_chunks_mut(samples).enumerate().try_for_each(|(image, trace)| {
                    let rows = self.decode(image)?;
                    for (sample, row) in trace.iter_mut().zip(rows.chunks_exact(width)) {
                        *sample = row[place.index];
                    }
                    Ok::<_, SurveyError>(())
                })?;
                let mut amplitudes = self.frame.zeros(samples, self.images.len())?;
                transpose(&traces, samples, 0..samples, &mut amplitudes);
                amplitudes
            }
        };
        Ok(self.frame.section(direction, line, place, amplitudes))
    }

    fn read_time_slice(&self, sample: usize) -> Result<TimeSlice, SurveyError> {
        let mut slice = self.frame.empty_slice(sample)?;
        let width = self.width();
        slice.amplitudes.par_chunks_mut(width).enumerate().try_for_each(|(image, row)| {
            row.copy_from_slice(&self.decode(image)?[sample * width..][..width]);
            Ok::<_, SurveyError>(())
        })?;
        Ok(slice)
    }

    /// A block an image.
    fn traces(&self) -> Blocks<'_> {
        let (width, samples) = (self.width(), self.frame.samples.count);
        Box::new((0..self.images.len()).map(move |image| {
            let rows = self.decode(image)?;
            let mut amplitudes = self.frame.zeros(width, samples)?;
            transpose(&rows, width, 0..width, &mut amplitudes);
            Ok(TraceBlock { first_trace: (image * width) as u64, samples, amplitudes })
        }))
    }
}
