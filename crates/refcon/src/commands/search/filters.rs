//! Which tiles `refcon search` looks at, and `refcon library remove` removes.

use crate::failure::Failure;
use clap::{Args, ValueEnum};
use refcon_library::retrieval::filter::Filter;
use refcon_library::retrieval::region::Region;
use refcon_library::retrieval::section_box::{Numbers, Positions};
use refcon_seismic::{Direction, Domain};
use std::path::Path;

/// The filters of the command line.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which tiles are looked at")]
pub(crate) struct FilterArguments {
    /// Only tiles of these surveys, or folders of images, by name
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    in_survey: Vec<String>,

    /// No tiles of these surveys
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    not_survey: Vec<String>,

    /// Only tiles along inlines, or along crosslines
    #[arg(long, value_enum, value_name = "DIRECTION")]
    in_direction: Option<Along>,

    /// Only tiles on lines with numbers from here to there, as in `100..200`
    #[arg(long, value_name = "FROM..TO", allow_hyphen_values = true)]
    in_lines: Option<Numbers>,

    /// Only tiles with traces from here to there: crosslines on an inline, inlines on a crossline
    #[arg(long, value_name = "FROM..TO", allow_hyphen_values = true)]
    in_traces: Option<Numbers>,

    /// Only tiles with samples at these times, as in `800..1200ms`
    #[arg(long, value_name = "FROM..TO[ms|s]", value_parser = times, allow_hyphen_values = true)]
    in_time: Option<Positions>,

    /// Only tiles with samples at these depths, as in `800..1200m`
    #[arg(long, value_name = "FROM..TO[m|km|ft]", value_parser = depths, conflicts_with = "in_time",
        allow_hyphen_values = true)]
    in_depth: Option<Positions>,

    /// Only tiles of these classes
    #[arg(long, value_name = "CLASS,…", value_delimiter = ',')]
    in_class: Vec<String>,

    /// Only tiles that touch an area on the map: a GeoJSON file in the survey's coordinates, or corners, as in `"x,y x,y x,y"`
    #[arg(long, value_name = "FILE.geojson|CORNERS", allow_hyphen_values = true)]
    region: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Along {
    Inline,
    Crossline,
}

impl FilterArguments {
    pub(crate) fn filter(&self) -> Result<Filter, Failure> {
        let directions = self.in_direction.map(|along| match along {
            Along::Inline => Direction::Inline,
            Along::Crossline => Direction::Crossline,
        });
        Ok(Filter {
            surveys: self.in_survey.clone(),
            not_surveys: self.not_survey.clone(),
            directions: directions.into_iter().collect(),
            lines: self.in_lines,
            traces: self.in_traces,
            positions: self.in_time.or(self.in_depth),
            classes: self.in_class.clone(),
            region: self.region.as_deref().map(region).transpose()?,
        })
    }
}

/// Corners, where it looks like that; else a file.
fn region(text: &str) -> Result<Region, Failure> {
    let path = Path::new(text);
    if text.contains(',') && !path.exists() {
        return text.parse().map_err(|error| Failure::usage(format!("--region: {error}")));
    }
    Region::read_geojson(path).map_err(Failure::input)
}

/// Times; without a unit they are milliseconds.
pub(super) fn times(text: &str) -> Result<Positions, String> {
    let range: Positions = text.parse()?;
    match range.domain {
        None | Some(Domain::Time) => Ok(Positions { domain: Some(Domain::Time), ..range }),
        Some(_) => Err("times are in ms or s".to_owned()),
    }
}

/// Depths; without a unit they are metres.
pub(super) fn depths(text: &str) -> Result<Positions, String> {
    let range: Positions = text.parse()?;
    match range.domain {
        None => Ok(Positions { domain: Some(Domain::Depth), ..range }),
        Some(Domain::Time) => Err("depths are in m, km or ft".to_owned()),
        Some(_) => Ok(range),
    }
}
