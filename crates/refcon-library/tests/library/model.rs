//! A library does what a list would, whatever is asked of it.

use crate::fixtures::*;
use proptest::prelude::*;
use refcon_library::store::Compaction;
use refcon_library::{Library, RowSet, Wait};
use std::collections::BTreeSet;

#[derive(Debug, Clone)]
enum Step {
    Append(u64),
    Remove(Vec<u64>),
    Compact(Compaction),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..6).prop_map(Step::Append),
        3 => prop::collection::vec(0u64..60, 0..12).prop_map(Step::Remove),
        1 => Just(Step::Compact(Compaction::Full)),
        1 => Just(Step::Compact(Compaction::Gathered)),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_library_holds_what_was_added_and_not_removed(steps in prop::collection::vec(step(), 0..14)) {
        let folder = tempfile::tempdir().unwrap();
        let mut library = Library::create(folder.path()).unwrap();
        let mut expected = BTreeSet::new();
        let mut next = 0;
        for step in steps {
            let mut writer = library.writer(Wait::No).unwrap();
            match step {
                Step::Append(count) => {
                    let numbers = next..next + count;
                    prop_assert_eq!(writer.append(tiles(numbers.clone()), &embeddings(numbers.clone())).unwrap(), numbers.clone());
                    expected.extend(numbers);
                    next += count;
                }
                Step::Remove(ids) => {
                    let snapshot = library.snapshot().unwrap();
                    let Ok(found) = snapshot.tiles(&encoder("first")) else { continue };
                    let mut rows = RowSet::none(found.rows());
                    ids.iter().filter_map(|&id| found.row_of(id)).for_each(|row| rows.insert(row));
                    let before = expected.len();
                    ids.iter().for_each(|id| { expected.remove(id); });
                    prop_assert_eq!(writer.remove(&found, &rows).unwrap(), (before - expected.len()) as u64);
                }
                Step::Compact(which) => drop(writer.compact(which).unwrap()),
                Step::Reopen => {
                    drop(writer);
                    library = Library::open(folder.path()).unwrap();
                }
            }
        }
        assert_holds(&library, expected);
    }
}
