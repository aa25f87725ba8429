//! Confidence of matches.

/// The challenge solution's confidence of one query's matches, from their distances: `1 − (d − d_min) / d_max`, with the
/// smallest and largest distance among these matches.
///
/// It only compares the matches of one query with each other: the nearest always gets 1, however far it is. Where all
/// distances are 0 every match gets 1.
#[must_use]
pub fn challenge_confidence(distances: &[f32]) -> Vec<f32> {
    let smallest = distances.iter().copied().fold(f32::INFINITY, f32::min);
    let largest = distances.iter().copied().fold(0.0, f32::max);
    let confidence = |&distance| if largest > 0.0 { 1.0 - (distance - smallest) / largest } else { 1.0 };
    distances.iter().map(confidence).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_match_has_confidence_one_and_the_others_less() {
        assert_eq!(challenge_confidence(&[0.1, 0.2, 0.4]), [1.0, 0.75, 0.25]);
    }

    #[test]
    fn matches_at_no_distance_are_all_certain() {
        assert_eq!(challenge_confidence(&[0.0, 0.0]), [1.0, 1.0]);
        assert_eq!(challenge_confidence(&[]), [0.0; 0]);
    }
}
