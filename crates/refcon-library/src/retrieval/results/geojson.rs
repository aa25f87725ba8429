//! Matches as GeoJSON: a line a match, from its first to its last trace.
//!
//! Coordinates are those of the surveys, in whatever system these are. RFC 7946 knows degrees of WGS 84 only; where the surveys'
//! EPSG number is known it stands in the member `crs` of the GeoJSON of 2008, which QGIS, GDAL and ArcGIS read. Where it is not
//! known, nothing is claimed.

use super::{ResultList, TileView, to_a_hundredth};
use serde_json::{Map, Value, json};

impl ResultList {
    /// The matches as a collection of features; a match without coordinates has the geometry `null`.
    #[must_use]
    pub fn to_geojson(&self) -> String {
        let features: Vec<Value> = self.matches.iter().map(|found| {
            let corners = found.tile.place.as_ref().and_then(|place| place.corners);
                let corners = corners.map(|corners| corners.map(|corner| corner.map(to_a_hundredth)));
            let geometry = corners.map(|corners| json!({ "type": "LineString", "coordinates": corners }));
            let mut properties = Map::new();
            properties.insert("rank".into(), found.rank.into());
            properties.insert("distance".into(), shortest(found.distance));
            properties.insert("confidence".into(), shortest(found.confidence));
            properties.extend(flat(&TileView::from(&found.tile)));
            json!({ "type": "Feature", "id": found.tile.id, "geometry": geometry, "properties": properties })
        }).collect();
        let mut collection = Map::new();
        collection.insert("type".into(), "FeatureCollection".into());
        if let Some(epsg) = self.epsg {
            let name = format!("urn:ogc:def:crs:EPSG::{epsg}");
            collection.insert("crs".into(), json!({ "type": "name", "properties": { "name": name } }));
        }
        collection.insert("features".into(), features.into());
        Value::from(collection).to_string() + "\n"
    }
}

/// The fewest digits that are this number and no other `f32`; as an `f64` it would have twice as many.
fn shortest(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// The tile's entries and its place's side by side: maps show a table of properties, not trees.
fn flat(tile: &TileView) -> Map<String, Value> {
    let Ok(Value::Object(mut properties)) = serde_json::to_value(tile) else { return Map::new() };
    if let Some(Value::Object(mut place)) = properties.shift_remove("place") {
        // The geometry says them.
        place.shift_remove("corners");
        properties.extend(place);
    }
    properties
}

#[cfg(test)]
mod tests {
    use crate::retrieval::results::tests::list;
    use serde_json::{Value, json};

    #[test]
    fn a_match_is_a_line_between_its_corners_and_the_system_is_named_only_where_known() {
        let mut list = list();
        let json: Value = serde_json::from_str(&list.to_geojson()).unwrap();
        assert_eq!(json["crs"]["properties"]["name"], "urn:ogc:def:crs:EPSG::23031");
        let feature = &json["features"][0];
        assert_eq!(
            feature["geometry"],
            json!({"type": "LineString", "coordinates": [[3750.0, 2750.0], [4362.5, 2750.0]]})
        );
        let properties = &feature["properties"];
        assert_eq!(
            (&properties["rank"], &properties["survey"], &properties["line"]),
            (&1.into(), &"F3".into(), &110.into())
        );
        assert_eq!((&properties["from"], &properties["unit"]), (&800.0.into(), &"ms".into()));
        assert!(
            properties.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_array())
        );
        assert_eq!(json["features"][1]["geometry"], Value::Null);
        list.epsg = None;
        assert!(!list.to_geojson().contains("crs"));
    }
}
