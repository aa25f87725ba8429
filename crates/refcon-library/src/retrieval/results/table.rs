//! Matches as a table for a terminal.

use super::ResultList;
use super::tile_view::{line_and_traces, positions};

impl ResultList {
    /// The matches as lines of text, under a head.
    #[must_use]
    pub fn to_table(&self) -> String {
        let head =
            ["", "distance", "confidence", "tile", "file", "survey", "where", "time or depth", "class"];
        let rows: Vec<[String; 9]> = self
            .matches
            .iter()
            .map(|found| {
                let place = found.tile.place.as_ref();
                [
                    found.rank.to_string(),
                    format!("{:.4}", found.distance),
                    format!("{:.3}", found.confidence),
                    found.tile.id.to_string(),
                    found.tile.file.clone(),
                    found.tile.survey.clone(),
                    place.map(line_and_traces).unwrap_or_default(),
                    place.map(positions).unwrap_or_default(),
                    found.tile.class.clone().unwrap_or_default(),
                ]
            })
            .collect();
        // A column that holds nothing is left out.
        let shown: Vec<usize> =
            (0..head.len()).filter(|&column| rows.iter().any(|row| !row[column].is_empty())).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([head[column].chars().count()]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = shown.iter().map(|&column| width(column)).collect();
        let line = |cells: &dyn Fn(usize) -> String| {
            let cells = shown.iter().zip(&widths).map(|(&column, &width)| {
                let cell = cells(column);
                // Numbers stand under each other's last digit.
                if column < 4 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines = vec![line(&|column| head[column].to_owned())];
        lines.extend(rows.iter().map(|row| line(&|column| row[column].clone())));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use crate::retrieval::results::tests::list;

    #[test]
    fn columns_stand_under_each_other() {
        let table = list().to_table();
        let expected = "   distance  confidence  tile  file      survey  where                           time or depth  class\n\
                        1    0.1250       1.000    12            F3      inline 110, crosslines 300–349  800–1036 ms    Salt\n\
                        2    0.2500       0.500     7  a, b.png  tiles";
        assert_eq!(table, expected);
    }
}
