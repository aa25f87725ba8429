//! Statistics.
pub(super) static STANDARDISATION: [[f32; 2]; super::DIMENSION] = [[0.0, 1.0]; super::DIMENSION];
