//! Colour maps: a value in 0..1 to a colour.

/// Viridis of Matplotlib: 256 colours, R, G, B.
const VIRIDIS: &[u8; 768] = include_bytes!("../assets/viridis.rgb");

/// The corners of Matplotlib's `seismic` map, equally spaced.
const SEISMIC: [[f32; 3]; 5] =
    [[0.0, 0.0, 0.3], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.5, 0.0, 0.0]];

/// A colour map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColourMap {
    /// Black to white.
    #[default]
    Grey,
    /// Blue through white to red: Matplotlib's `seismic`, for amplitudes of both signs with zero at 0.5.
    Seismic,
    /// Dark violet through green to yellow: perceptually uniform, for values of one sign.
    Viridis,
}

impl ColourMap {
    /// All maps.
    pub const ALL: [ColourMap; 3] = [ColourMap::Grey, ColourMap::Seismic, ColourMap::Viridis];

    /// The map's name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ColourMap::Grey => "grey",
            ColourMap::Seismic => "seismic",
            ColourMap::Viridis => "viridis",
        }
    }

    /// The colour of `value`, sRGB. Values outside 0..1 get the nearer end's; NaN gets that of 0.
    #[must_use]
    pub fn rgb(self, value: f32) -> [u8; 3] {
        match self {
            ColourMap::Grey => [crate::grey::level(value); 3],
            ColourMap::Seismic => {
                let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
                let place = value * (SEISMIC.len() - 1) as f32;
                let below = (place as usize).min(SEISMIC.len() - 2);
                let share = place - below as f32;
                std::array::from_fn(|channel| {
                    let (low, high) = (SEISMIC[below][channel], SEISMIC[below + 1][channel]);
                    crate::grey::level(low + share * (high - low))
                })
            }
            ColourMap::Viridis => {
                let first = 3 * usize::from(crate::grey::level(value));
                [VIRIDIS[first], VIRIDIS[first + 1], VIRIDIS[first + 2]]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ColourMap;

    #[test]
    fn maps_have_the_colours_of_matplotlib() {
        let expected = [
            (ColourMap::Viridis, 0.0, [68, 1, 84]),
            (ColourMap::Viridis, 0.5, [33, 145, 140]),
            (ColourMap::Viridis, 1.0, [253, 231, 37]),
            (ColourMap::Seismic, 0.0, [0, 0, 77]),
            (ColourMap::Seismic, 0.25, [0, 0, 255]),
            (ColourMap::Seismic, 0.5, [255, 255, 255]),
            (ColourMap::Seismic, 0.75, [255, 0, 0]),
            (ColourMap::Seismic, 1.0, [128, 0, 0]),
            (ColourMap::Grey, 0.5, [128, 128, 128]),
        ];
        for (map, value, colour) in expected {
            assert_eq!(map.rgb(value), colour, "{} at {value}", map.name());
        }
    }

    #[test]
    fn values_out_of_range_get_the_colours_of_the_ends() {
        for map in ColourMap::ALL {
            assert_eq!(map.rgb(-3.0), map.rgb(0.0));
            assert_eq!(map.rgb(f32::INFINITY), map.rgb(1.0));
            assert_eq!(map.rgb(f32::NAN), map.rgb(0.0));
        }
    }
}
