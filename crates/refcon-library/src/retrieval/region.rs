//! Areas on the map that tiles must touch.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One or more polygons in the coordinates of the surveys, with holes where they have any.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Region {
    /// Each polygon's rings: the outline first, then its holes. The last corner is joined to the first.
    polygons: Vec<Vec<Ring>>,
    bounds: [[f64; 2]; 2],
}

type Point = [f64; 2];
type Ring = Vec<Point>;

/// Corners that enclose an area.
const LEAST_CORNERS: usize = 3;

/// Why something is no region.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// The file cannot be read.
    #[error("cannot read the region {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no GeoJSON with a polygon in it.
    #[error("{} is no region: {problem}; expected GeoJSON with a Polygon or MultiPolygon", path.display())]
    GeoJson {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The corners are not written as they should be.
    #[error(
        "{found:?} is no corner of a region; expected corners as in `605000,6073000 606000,6073000 606000,6074000`"
    )]
    Corner {
        /// What stands there.
        found: String,
    },
    /// A polygon of fewer than three corners.
    #[error("the outline of a region has at least 3 different corners; found {found}")]
    Corners {
        /// How many there are.
        found: usize,
    },
}

impl Region {
    /// The area inside polygons: of each, the outline first, then its holes.
    ///
    /// # Errors
    /// When there is none, or one has fewer than three different corners.
    pub fn new(mut polygons: Vec<Vec<Vec<[f64; 2]>>>) -> Result<Self, RegionError> {
        for ring in polygons.iter_mut().flatten() {
            ring.dedup();
            // GeoJSON repeats the first corner at the end.
            if ring.len() > 1 && ring.first() == ring.last() {
                ring.pop();
            }
            if ring.len() < LEAST_CORNERS {
                return Err(RegionError::Corners { found: ring.len() });
            }
        }
        polygons.retain(|rings| !rings.is_empty());
        if polygons.is_empty() {
            return Err(RegionError::Corners { found: 0 });
        }
        let bounds = bounds_of(polygons.iter().flatten().flatten());
        Ok(Self { polygons, bounds })
    }

    /// Reads the polygons of a GeoJSON file: a geometry, a feature, or a collection; what else it holds is passed over.
    ///
    /// # Errors
    /// When the file cannot be read, or holds no polygon.
    pub fn read_geojson(path: &Path) -> Result<Self, RegionError> {
        let text = std::fs::read(path).map_err(|source| RegionError::Io { path: path.into(), source })?;
        let wrong = |problem: String| RegionError::GeoJson { path: path.into(), problem };
        let value: Value = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let mut polygons = Vec::new();
        collect(&value, &mut polygons).map_err(wrong)?;
        if polygons.is_empty() {
            return Err(wrong("it holds no polygon".into()));
        }
        Self::new(polygons).map_err(|error| wrong(error.to_string()))
    }

    /// Least and greatest X and Y: `[[x, y], [x, y]]`.
    #[must_use]
    pub fn bounds(&self) -> [[f64; 2]; 2] {
        self.bounds
    }

    /// Whether a point lies inside, or on the outline.
    #[must_use]
    pub fn contains(&self, point: [f64; 2]) -> bool {
        self.polygons.iter().any(|rings| {
            rings.iter().flat_map(edges).any(|(a, b)| is_on(point, a, b))
                // An odd number of outlines and holes around it: inside the outline and in no hole.
                || rings.iter().filter(|ring| winds_around(ring, point)).count() % 2 == 1
        })
    }

    /// Whether any point of the segment from `a` to `b` lies inside, or on the outline.
    #[must_use]
    pub fn meets(&self, a: [f64; 2], b: [f64; 2]) -> bool {
        let [least, greatest] = self.bounds;
        let beside =
            |axis: usize| a[axis].max(b[axis]) < least[axis] || a[axis].min(b[axis]) > greatest[axis];
        if beside(0) || beside(1) {
            return false;
        }
        self.contains(a)
            || self.polygons.iter().flatten().flat_map(edges).any(|(c, d)| segments_cross(a, b, c, d))
    }
}

/// Corners as people write them: `x,y x,y x,y …`.
impl FromStr for Region {
    type Err = RegionError;

    fn from_str(text: &str) -> Result<Self, RegionError> {
        let corner = |word: &str| {
            let numbers = word.split_once(',').and_then(|(x, y)| Some([x.parse().ok()?, y.parse().ok()?]));
            numbers
                .filter(|corner: &Point| corner.iter().all(|value| value.is_finite()))
                .ok_or_else(|| RegionError::Corner { found: word.to_owned() })
        };
        let corners = text.split_whitespace().map(corner).collect::<Result<Ring, _>>()?;
        Self::new(vec![vec![corners]])
    }
}

/// Collects the polygons of a GeoJSON object.
fn collect(value: &Value, polygons: &mut Vec<Vec<Ring>>) -> Result<(), String> {
    let kind = value.get("type").and_then(Value::as_str).ok_or("it has no \"type\"")?;
    let each = |key: &str, polygons: &mut Vec<Vec<Ring>>| match value.get(key).and_then(Value::as_array) {
        Some(parts) => parts.iter().try_for_each(|part| collect(part, polygons)),
        None => Err(format!("a {kind} has no list of \"{key}\"")),
    };
    let coordinates = || value.get("coordinates").ok_or_else(|| format!("a {kind} has no \"coordinates\""));
    match kind {
        "FeatureCollection" => each("features", polygons)?,
        "GeometryCollection" => each("geometries", polygons)?,
        "Feature" => match value.get("geometry") {
            Some(Value::Null) | None => {}
            Some(geometry) => collect(geometry, polygons)?,
        },
        "Polygon" => polygons.push(rings(coordinates()?)?),
        "MultiPolygon" => {
            for polygon in coordinates()?.as_array().ok_or("its coordinates are no list")? {
                polygons.push(rings(polygon)?);
            }
        }
        _ => {}
    }
    Ok(())
}

fn rings(value: &Value) -> Result<Vec<Ring>, String> {
    let list = |value: &Value| value.as_array().cloned().ok_or("its coordinates are no lists of corners");
    let corner = |value: &Value| {
        let axis = |at: usize| value.get(at).and_then(Value::as_f64).filter(|value| value.is_finite());
        axis(0).zip(axis(1)).map(|(x, y)| [x, y]).ok_or_else(|| format!("{value} is no corner"))
    };
    list(value)?.iter().map(|ring| list(ring)?.iter().map(corner).collect()).collect()
}

fn bounds_of<'a>(points: impl Iterator<Item = &'a Point>) -> [Point; 2] {
    points.fold([[f64::INFINITY; 2], [f64::NEG_INFINITY; 2]], |[least, greatest], point| {
        [[0, 1].map(|axis| least[axis].min(point[axis])), [0, 1].map(|axis| greatest[axis].max(point[axis]))]
    })
}

fn edges(ring: &Ring) -> impl Iterator<Item = (Point, Point)> + '_ {
    ring.iter().copied().zip(ring.iter().copied().cycle().skip(1))
}

/// Twice the area of the triangle, positive where it runs counter-clockwise.
fn turn(a: Point, b: Point, c: Point) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

fn is_on(point: Point, a: Point, b: Point) -> bool {
    let between = |axis: usize| (a[axis].min(b[axis])..=a[axis].max(b[axis])).contains(&point[axis]);
    between(0) && between(1) && turn(a, b, point) == 0.0
}

/// Whether a ray from the point crosses the ring an odd number of times (W. R. Franklin's PNPOLY).
fn winds_around(ring: &Ring, [x, y]: Point) -> bool {
    let crossings = edges(ring)
        .filter(|&(a, b)| (a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]);
    crossings.count() % 2 == 1
}

fn segments_cross(a: Point, b: Point, c: Point, d: Point) -> bool {
    let apart = |first: f64, second: f64| first * second < 0.0;
    (apart(turn(a, b, c), turn(a, b, d)) && apart(turn(c, d, a), turn(c, d, b)))
        || is_on(c, a, b)
        || is_on(d, a, b)
        || is_on(a, c, d)
        || is_on(b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn square(x: f64, y: f64, side: f64) -> Ring {
        vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side]]
    }

    fn with_hole() -> Region {
        Region::new(vec![vec![square(0.0, 0.0, 10.0), square(4.0, 4.0, 2.0)]]).unwrap()
    }

    #[test]
    fn a_point_in_a_hole_is_outside_and_one_on_the_outline_inside() {
        let region = with_hole();
        assert!(region.contains([1.0, 1.0]) && region.contains([0.0, 5.0]) && region.contains([10.0, 10.0]));
        assert!(region.contains([4.0, 5.0]), "the hole's own outline belongs to the region");
        assert!(
            !region.contains([5.0, 5.0]) && !region.contains([10.1, 5.0]) && !region.contains([-1.0, 0.0])
        );
    }

    #[test]
    fn a_segment_meets_a_region_it_runs_through_or_touches_but_not_one_whose_hole_it_lies_in() {
        let region = with_hole();
        assert!(region.meets([-5.0, 1.0], [15.0, 1.0]), "through it, both ends outside");
        assert!(region.meets([5.0, 5.0], [20.0, 5.0]), "from the hole outwards");
        assert!(region.meets([-5.0, 5.0], [5.0, -5.0]), "touching a corner");
        assert!(region.meets([2.0, 2.0], [2.0, 2.0]), "a point inside");
        assert!(!region.meets([4.5, 4.5], [5.5, 5.5]), "inside the hole");
        assert!(!region.meets([-1.0, -1.0], [-1.0, 20.0]) && !region.meets([-3.0, 1.0], [1.0, -3.0]));
    }

    proptest! {
        // Along a segment, steps fine enough for a polygon of whole-numbered corners find any inside point a test needs.
        #[test]
        fn a_segment_with_a_point_inside_meets_the_region(
            corners in prop::collection::vec((-20i32..20, -20i32..20), 3..9),
            ends in prop::array::uniform4(-25i32..25),
        ) {
            let ring: Ring = corners.iter().map(|&(x, y)| [f64::from(x), f64::from(y)]).collect();
            let Ok(region) = Region::new(vec![vec![ring]]) else { return Ok(()) };
            let [ax, ay, bx, by] = ends.map(f64::from);
            let inside = (0..=100).map(|step| f64::from(step) / 100.0)
                .any(|t| region.contains([ax + t * (bx - ax), ay + t * (by - ay)]));
            prop_assert!(!inside || region.meets([ax, ay], [bx, by]));
            prop_assert_eq!(region.meets([ax, ay], [bx, by]), region.meets([bx, by], [ax, ay]));
        }
    }

    #[test]
    fn corners_and_geojson_say_the_same_region() {
        let written: Region = "0,0 10,0 10,10 0,10".parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("area.geojson");
        let ring = "[[[0,0],[10,0],[10,10,99],[0,10],[0,0]]]";
        for text in [
            format!(r#"{{"type":"Polygon","coordinates":{ring}}}"#),
            format!(
                r#"{{"type":"FeatureCollection","features":[{{"type":"Feature","properties":{{}},"geometry":null}},
                {{"type":"Feature","geometry":{{"type":"MultiPolygon","coordinates":[{ring}]}}}}]}}"#
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Region::read_geojson(&path).unwrap(), written);
        }
    }

    #[test]
    fn what_is_no_region_is_refused_with_what_was_expected() {
        for (text, says) in [
            ("0,0 1,0", "at least 3 different corners; found 2"),
            ("0,0 1,0 x,1", "\"x,1\" is no corner"),
            ("0,0 1,0 inf,1", "\"inf,1\" is no corner"),
            ("", "at least 3 different corners; found 0"),
        ] {
            let message = text.parse::<Region>().unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("area.geojson");
        for (text, says) in [
            ("{", "area.geojson is no region: EOF"),
            ("[]", "it has no \"type\""),
            (r#"{"type":"Point","coordinates":[1,2]}"#, "it holds no polygon"),
            (r#"{"type":"Polygon","coordinates":[[[1,2],[3]]]}"#, "[3] is no corner"),
            (r#"{"type":"Polygon"}"#, "a Polygon has no \"coordinates\""),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = Region::read_geojson(&path).unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
        let message = Region::read_geojson(&folder.path().join("none.geojson")).unwrap_err().to_string();
        assert!(message.contains("cannot read the region") && message.contains("none.geojson"), "{message}");
    }
}
