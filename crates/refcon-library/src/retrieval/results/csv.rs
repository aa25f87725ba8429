//! Matches as CSV.

use super::{Match, ResultList, to_a_hundredth};
use std::io::{self, Write};

const COLUMNS: [&str; 25] = [
    "rank",
    "tile",
    "distance",
    "confidence",
    "survey",
    "file",
    "class",
    "direction",
    "line",
    "first_trace",
    "traces",
    "first_sample",
    "samples",
    "first_inline",
    "first_crossline",
    "last_inline",
    "last_crossline",
    "top",
    "bottom",
    "unit",
    "first_x",
    "first_y",
    "last_x",
    "last_y",
    "epsg",
];

/// Writes a row a match; what is not known is empty.
pub(super) fn write(list: &ResultList, out: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(COLUMNS)?;
    for found in &list.matches {
        table.write_record(row(found, list.epsg))?;
    }
    table.flush()
}

fn row(found: &Match, epsg: Option<u32>) -> Vec<String> {
    let Match { rank, distance, confidence, tile } = found;
    let mut row = vec![
        rank.to_string(),
        tile.id.to_string(),
        distance.to_string(),
        confidence.to_string(),
        tile.survey.clone(),
        tile.file.clone(),
        tile.class.clone().unwrap_or_default(),
    ];
    if let Some(place) = &tile.place {
        let (bounds, ([first_inline, last_inline], [first_crossline, last_crossline])) =
            (place.bounds, (place.inlines, place.crosslines));
        row.push(place.direction.to_string());
        row.push(place.line.to_string());
        let indices = [bounds.first_trace, bounds.traces, bounds.first_sample, bounds.samples];
        row.extend(indices.map(|index| index.to_string()));
        row.extend(
            [first_inline, first_crossline, last_inline, last_crossline].map(|number| number.to_string()),
        );
        row.extend(place.range.map(|position| position.to_string()));
        row.push(place.domain.unit().into());
        row.extend(place.corners.iter().flatten().flatten().map(|&value| to_a_hundredth(value).to_string()));
    }
    // Without a place, or without coordinates, the rest is empty.
    row.resize(COLUMNS.len() - 1, String::new());
    row.push(epsg.map_or_else(String::new, |epsg| epsg.to_string()));
    row
}

#[cfg(test)]
mod tests {
    use crate::retrieval::results::tests::list;

    #[test]
    fn a_row_holds_a_match_and_empty_cells_where_nothing_is_known() {
        let text = list().to_csv().unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("rank,tile,distance,confidence,survey,file,class,direction,line,"));
        assert_eq!(
            lines[1],
            "1,12,0.125,1,F3,,Salt,inline,110,300,50,200,60,110,300,110,349,800,1036,ms,3750,2750,4362.5,2750,23031"
        );
        assert_eq!(lines[2], format!("2,7,0.25,0.5,tiles,\"a, b.png\"{},23031", ",".repeat(18)));
    }
}
