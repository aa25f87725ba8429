//! Words that many rows share: a fragment stores each once.

use arrow_array::{ArrayRef, DictionaryArray, Int8Array, Int32Array, StringArray};
use arrow_buffer::NullBuffer;
use std::collections::HashMap;
use std::sync::Arc;

/// The words of a column, numbered.
#[derive(Debug, Clone, Default)]
pub(super) struct WordList {
    words: Vec<String>,
    numbers: HashMap<String, i32>,
}

impl WordList {
    pub(super) fn add(&mut self, word: &str) {
        if !self.numbers.contains_key(word) {
            // More words than that do not fit into memory.
            let number = i32::try_from(self.words.len()).unwrap_or(i32::MAX);
            self.numbers.insert(word.to_owned(), number);
            self.words.push(word.to_owned());
        }
    }

    /// The words as the values of a dictionary. Made once a fragment, so that all its batches share them.
    pub(super) fn values(&self) -> ArrayRef {
        Arc::new(StringArray::from_iter_values(&self.words))
    }

    /// A column of these words, all of them from the list; a row without one holds −1 under its null.
    pub(super) fn column<'a>(
        &self,
        values: &ArrayRef,
        rows: impl Iterator<Item = Option<&'a str>>,
    ) -> ArrayRef {
        let keys: Vec<i32> =
            rows.map(|word| word.and_then(|word| self.numbers.get(word).copied()).unwrap_or(-1)).collect();
        let nulls = nulls(keys.iter().map(|&key| key >= 0));
        // Sound: every key that is not null is a place in the list.
        Arc::new(DictionaryArray::new(Int32Array::new(keys.into(), nulls), Arc::clone(values)))
    }
}

/// A column of a few words, by their numbers; −1 for none.
pub(super) fn few_words(words: &[&str], keys: Vec<i8>) -> ArrayRef {
    let nulls = nulls(keys.iter().map(|&key| key >= 0));
    let values = Arc::new(StringArray::from_iter_values(words));
    Arc::new(DictionaryArray::new(Int8Array::new(keys.into(), nulls), values))
}

/// Which rows hold a value; `None` where all do.
pub(super) fn nulls(valid: impl Iterator<Item = bool>) -> Option<NullBuffer> {
    let nulls: NullBuffer = valid.collect::<Vec<bool>>().into();
    (nulls.null_count() > 0).then_some(nulls)
}
