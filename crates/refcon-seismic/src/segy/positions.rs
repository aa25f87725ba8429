//! Where X and Y of the traces are read from.

use super::layout::Layout;
use super::scan::for_each_header;
use super::source::ReadAt;
use super::trace_extension::TraceHeaderExtension;
use super::trace_header::{HeaderField, TraceHeader};
use super::{OpenOptions, SegyError};

/// Traces looked at to see whether coordinates are filled in.
const PROBED_POSITIONS: u64 = 16;

/// Where X and Y of a file's traces are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionSource {
    /// Two fields of the trace header, with the scalar at bytes 71–72.
    Header([HeaderField; 2]),
    /// The ensemble's coordinates in the trace header extension (its bytes 161–176), doubles without a scalar.
    ExtensionCdp,
    /// The source's coordinates in the trace header extension (its bytes 97–112), doubles without a scalar.
    ExtensionSource,
}

impl PositionSource {
    /// The CDP coordinates of the trace header (181–188), where the specification puts them.
    pub const CDP: Self = Self::Header([HeaderField::CDP_X, HeaderField::CDP_Y]);
    /// The source coordinates of the trace header (73–80).
    pub const SOURCE: Self = Self::Header([HeaderField::SOURCE_X, HeaderField::SOURCE_Y]);

    /// All that are looked at without being told where, the most trusted first: a double says more than a scaled integer,
    /// and the middle of a bin more than the source.
    const BY_TRUST: [Self; 4] = [Self::ExtensionCdp, Self::CDP, Self::ExtensionSource, Self::SOURCE];

    /// X and Y of a trace; zeros where it lacks the extension that they should be in.
    #[must_use]
    pub fn position(self, header: &TraceHeader, extension: Option<&TraceHeaderExtension>) -> [f64; 2] {
        match self {
            Self::Header([x, y]) => header.position(x, y),
            Self::ExtensionCdp => extension.map_or([0.0; 2], TraceHeaderExtension::cdp),
            Self::ExtensionSource => extension.map_or([0.0; 2], TraceHeaderExtension::source),
        }
    }

    /// Where X and Y are: as given, else the first of [`Self::BY_TRUST`] that is filled in.
    pub(super) fn find(
        name: &str,
        source: &dyn ReadAt,
        layout: &Layout,
        options: &OpenOptions,
    ) -> Result<Self, SegyError> {
        if options.x.is_some() || options.y.is_some() {
            let x = options.x.unwrap_or(HeaderField::CDP_X);
            return Ok(Self::Header([x, options.y.unwrap_or(HeaderField::CDP_Y)]));
        }
        let mut filled = [false; Self::BY_TRUST.len()];
        let probes = PROBED_POSITIONS.min(layout.trace_count);
        for probe in 0..probes {
            let trace = probe * (layout.trace_count - 1) / probes;
            for_each_header(name, source, layout, trace..trace + 1, |_, header, extension| {
                for (filled, place) in filled.iter_mut().zip(Self::BY_TRUST) {
                    *filled |= place.position(header, extension) != [0.0; 2];
                }
            })?;
        }
        let best = filled.iter().position(|&filled| filled);
        Ok(best.map_or(Self::CDP, |place| Self::BY_TRUST[place]))
    }

    /// What to tell about a place that is not the standard's.
    pub(super) fn remark(self) -> Option<&'static str> {
        match self {
            Self::ExtensionCdp => Some(
                "X and Y are the CDP coordinates of the trace header extensions (SEG00001, 161–176), doubles without a \
                 scalar; they outrank those of the trace headers (181–188).",
            ),
            Self::ExtensionSource => Some(
                "The CDP coordinates are empty; the source coordinates of the trace header extensions (SEG00001, \
                 97–112) are used.",
            ),
            Self::SOURCE => {
                Some("The CDP coordinates (181–188) are empty; the source coordinates (73–80) are used.")
            }
            Self::Header(_) => None,
        }
    }
}
