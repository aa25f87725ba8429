//! MDIO v1: a group with the amplitudes, the numbers along their dimensions, the bins' coordinates and the mask of live
//! traces.
//!
//! Names and layout are those of the templates in the Python package `multidimio` 1.1. Other Zarr groups open, too, where
//! they hold one array that can be a survey.

use super::array::ChunkedArray;
use super::dimensions::{self, Order};
use super::live::LiveTraces;
use super::{ChunkedSurvey, read_node};
use crate::survey::SurveyError;
use crate::survey::options::ArrayAxes;
use crate::survey::place::Place;
use crate::{BinGrid, Geometry, LineNumbering, PlacedBin};
use serde_json::{Map, Value};

/// What the amplitudes are called where the data set does not say.
const AMPLITUDE: &str = "amplitude";
const TRACE_MASK: &str = "trace_mask";
const COORDINATES: [&str; 2] = ["cdp_x", "cdp_y"];
/// Inlines whose bins' coordinates the grid is fitted to.
const FITTED_INLINES: usize = 16;

/// The survey of the group in `folder`, whose metadata are `group`.
pub(super) fn open(folder: &Place, group: &Value, axes: &ArrayAxes) -> Result<ChunkedSurvey, SurveyError> {
    let attributes = &group["attributes"];
    let (name, node) = amplitudes(folder, attributes)?;
    let array = ChunkedArray::new(&folder.child(&name), node)?;
    let names: Vec<Option<String>> =
        array.dimension_names().into_iter().map(|name| name.map(str::to_owned)).collect();
    let mut survey = ChunkedSurvey::new(array, axes)?;
    // What is said from here on is said of the group.
    survey.frame.path = folder.shown();
    survey.metadata.variable = Some(name);
    survey.metadata.mdio_version = attributes["apiVersion"].as_str().map(str::to_owned);
    survey.metadata.attributes = attributes.as_object().cloned().unwrap_or_default();
    let name = |dimension: usize| names[dimension].as_deref();
    number_lines(folder, &mut survey, name)?;
    number_samples(folder, &mut survey, name)?;
    survey.live = live_traces(folder, &survey)?;
    if let Some(live) = &survey.live {
        match &mut survey.frame.geometry {
            Geometry::Volume(volume) => volume.live_bins = live.count(),
            Geometry::Line(line) => line.live_traces = live.count(),
        }
    }
    place_bins(folder, &mut survey)?;
    Ok(survey)
}

/// Name and metadata of the array of amplitudes: as the data set says, else called so, else the only one there can be.
fn amplitudes(folder: &Place, attributes: &Value) -> Result<(String, Value), SurveyError> {
    let refused = |problem: String| SurveyError::Zarr { path: folder.shown(), problem };
    let said = attributes["attributes"]["defaultVariableName"].as_str();
    if let Some(name) = said {
        let node = member(folder, name)?.ok_or_else(|| {
            refused(format!(
                "its default variable is {name:?}, which is no array of it; copy the whole data set"
            ))
        })?;
        return Ok((name.to_owned(), node));
    }
    if let Some(node) = member(folder, AMPLITUDE)? {
        return Ok((AMPLITUDE.to_owned(), node));
    }
    let children = folder.children().map_err(|source| SurveyError::Open { path: folder.shown(), source })?;
    let mut found = Vec::new();
    for name in children.folders {
        if let Some(node) = member(folder, &name)?
            && is_amplitudes(&name, &node)
        {
            found.push((name, node));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let names: Vec<&String> = found.iter().map(|(name, _)| name).collect();
    Err(refused(format!(
        "it is a group with {} arrays that could be the amplitudes {names:?}, expected one; give the path of one of them",
        names.len()
    )))
}

/// Whether an array has as many dimensions as a survey, and is none of those beside it.
fn is_amplitudes(name: &str, node: &Value) -> bool {
    let dimensions = node["shape"].as_array().map_or(0, Vec::len);
    matches!(dimensions, 2 | 3)
        && name != TRACE_MASK
        && !COORDINATES.contains(&name)
        && node["data_type"].is_string()
}

/// The metadata of the array called `name`; `None` where the group has none.
fn member(folder: &Place, name: &str) -> Result<Option<Value>, SurveyError> {
    // A name that leads out of the group is no name.
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\']) {
        return Ok(None);
    }
    let node = read_node(&folder.child(name))?;
    Ok(node.filter(|node| node["node_type"] == "array"))
}

/// The array called `name`, where there is one and its shape is `shape`.
fn coordinate(folder: &Place, name: &str, shape: &[u64]) -> Result<Option<ChunkedArray>, SurveyError> {
    let Some(node) = member(folder, name)? else { return Ok(None) };
    let array = ChunkedArray::new(&folder.child(name), node)?;
    if array.shape() != shape {
        let problem = format!("its shape is {:?}, expected that of the amplitudes, {shape:?}", array.shape());
        return Err(SurveyError::Zarr { path: array.path().to_owned(), problem });
    }
    Ok(Some(array))
}

/// The values of the one-dimensional array called `name`.
fn numbers(
    folder: &Place,
    name: &str,
    count: usize,
) -> Result<Option<(Vec<f64>, ChunkedArray)>, SurveyError> {
    let Some(array) = coordinate(folder, name, &[count as u64])? else { return Ok(None) };
    let values = array.read_exactly(&array.everything())?;
    Ok(Some((values, array)))
}

fn number_lines<'a>(
    folder: &Place,
    survey: &mut ChunkedSurvey,
    name: impl Fn(usize) -> Option<&'a str>,
) -> Result<(), SurveyError> {
    let axis = |dimension: usize, count: usize| {
        let Some(name) = name(dimension) else { return Ok(None) };
        let Some((values, array)) = numbers(folder, name, count)? else { return Ok(None) };
        let problem = |problem| SurveyError::Axes { path: array.path().to_owned(), problem };
        dimensions::line_axis(&values).map(Some).map_err(problem)
    };
    match (&mut survey.frame.geometry, survey.order) {
        (Geometry::Volume(volume), Order::Volume { inline, crossline, .. }) => {
            volume.inlines = axis(inline, volume.inlines.count)?.unwrap_or(volume.inlines);
            volume.crosslines = axis(crossline, volume.crosslines.count)?.unwrap_or(volume.crosslines);
        }
        (Geometry::Line(line), Order::Section { trace, .. }) => {
            if let Some(traces) = axis(trace, line.traces.count)? {
                line.traces = traces;
                let counts_cdps = name(trace).is_some_and(|name| name.eq_ignore_ascii_case("cdp"));
                line.numbered_by = if counts_cdps { LineNumbering::Cdp } else { LineNumbering::Trace };
            }
        }
        _ => {}
    }
    Ok(())
}

fn number_samples<'a>(
    folder: &Place,
    survey: &mut ChunkedSurvey,
    name: impl Fn(usize) -> Option<&'a str>,
) -> Result<(), SurveyError> {
    let (Order::Volume { sample, .. } | Order::Section { sample, .. }) = survey.order;
    let Some(name) = name(sample) else { return Ok(()) };
    let Some((positions, array)) = numbers(folder, name, survey.frame.samples.count)? else { return Ok(()) };
    let problem = |problem| SurveyError::Axes { path: array.path().to_owned(), problem };
    let (first, interval) = dimensions::sample_axis(&positions).map_err(problem)?;
    let samples = &mut survey.frame.samples;
    let unit = unit(array.attributes());
    let (domain, scale) = match &unit {
        Some(unit) => dimensions::scale(samples.domain, unit).ok_or_else(|| {
            problem(format!(
                "its unit is {unit:?}, expected one of {}",
                match samples.domain {
                    crate::Domain::Time => "s, ms, µs, ns",
                    crate::Domain::Depth | crate::Domain::DepthFeet => "m, ft, km, cm, mm",
                }
            ))
        })?,
        None => (samples.domain, 1.0),
    };
    samples.domain = domain;
    samples.first = first * scale;
    samples.interval = interval.map_or(samples.interval, |interval| interval * scale);
    survey.metadata.sample_unit = unit;
    Ok(())
}

/// The lengths of the amplitudes' dimensions but for the samples', in their order, and whether crosslines come first.
fn bins(survey: &ChunkedSurvey) -> (Vec<u64>, bool) {
    let (Order::Volume { sample, .. } | Order::Section { sample, .. }) = survey.order;
    let mut shape = survey.array.shape().to_vec();
    shape.remove(sample);
    let turned = matches!(survey.order, Order::Volume { inline, crossline, .. } if crossline < inline);
    (shape, turned)
}

fn live_traces(folder: &Place, survey: &ChunkedSurvey) -> Result<Option<LiveTraces>, SurveyError> {
    let (shape, turned) = bins(survey);
    let Some(mask) = coordinate(folder, TRACE_MASK, &shape)? else { return Ok(None) };
    let mut live = LiveTraces::none_of(survey.frame.traces());
    let across = survey.traces_a_row();
    let mask = mask.read_truths(&mask.everything())?;
    let down = mask.len() / across;
    for (index, _) in mask.iter().enumerate().filter(|(_, has_trace)| **has_trace) {
        live.insert(if turned { index % down * across + index / down } else { index });
    }
    Ok(Some(live))
}

/// Fits the grid of a volume, or finds the ends of a line.
fn place_bins(folder: &Place, survey: &mut ChunkedSurvey) -> Result<(), SurveyError> {
    let (shape, turned) = bins(survey);
    let [x, y] = COORDINATES.map(|name| coordinate(folder, name, &shape));
    let (Some(x), Some(y)) = (x?, y?) else { return Ok(()) };
    survey.metadata.coordinate_unit = unit(x.attributes());
    let rows = if shape.len() == 2 { shape[0] } else { 1 };
    let fitted = rows.min(FITTED_INLINES as u64);
    let mut placed: Vec<PlacedBin> = Vec::new();
    for row in 0..fitted {
        // The first and the last one, and others between them.
        let row = if fitted > 1 { row * (rows - 1) / (fitted - 1) } else { 0 };
        let mut ranges = x.everything();
        if shape.len() == 2 {
            ranges[0] = row..row + 1;
        }
        let (x, y) = (x.read_exactly(&ranges)?, y.read_exactly(&ranges)?);
        for (column, position) in x.into_iter().zip(y).map(|(x, y)| [x, y]).enumerate() {
            let lines = if turned { [column, row as usize] } else { [row as usize, column] };
            let bin = lines[0] * survey.traces_a_row() + lines[1];
            let bin = if shape.len() == 2 { bin } else { column };
            if survey.is_live(bin) && position.iter().all(|coordinate| coordinate.is_finite()) {
                placed.push((lines.map(|line| line as f64), position));
            }
        }
    }
    match &mut survey.frame.geometry {
        Geometry::Volume(volume) => {
            volume.grid = BinGrid::fit(&placed).map_or(volume.grid, |fit| Some(fit.grid));
        }
        Geometry::Line(line) => {
            line.ends = placed.first().zip(placed.last()).map(|(first, last)| [first.1, last.1]);
        }
    }
    Ok(())
}

/// The unit among attributes: as MDIO v1 writes it, else as the CF conventions do.
pub(super) fn unit(attributes: &Map<String, Value>) -> Option<String> {
    let mdio = attributes.get("unitsV1").and_then(Value::as_object).and_then(|unit| unit.values().next());
    mdio.or_else(|| attributes.get("units")).and_then(Value::as_str).map(str::to_owned)
}
