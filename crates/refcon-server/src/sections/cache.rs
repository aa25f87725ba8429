//! Sections that were looked at last.

use super::Cut;
use super::reading::Reading;
use crate::blocking::Once;
use crate::error::ApiError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Sections that are read at the same time: each takes memory before its size counts.
const READ_AT_ONCE: usize = 2;

/// Which section. Slices are told apart by the index of their sample.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) survey: String,
    pub(super) cut: Cut,
    pub(super) line: i64,
}

/// Keeps sections up to a number of bytes; those that were not asked for longest go first.
#[derive(Debug)]
pub(crate) struct SectionCache {
    capacity: usize,
    kept: Mutex<Kept>,
    reading: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Kept {
    sections: HashMap<Key, Slot>,
    /// Counts what was asked.
    clock: u64,
}

#[derive(Debug)]
struct Slot {
    section: Arc<Once<Arc<Reading>>>,
    asked: u64,
}

impl SectionCache {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, kept: Mutex::default(), reading: Arc::new(Semaphore::new(READ_AT_ONCE)) }
    }

    /// The section, read by `read` if it is not there.
    pub(super) async fn get(
        &self,
        key: Key,
        read: impl FnOnce() -> Result<Arc<Reading>, ApiError> + Send + 'static,
    ) -> Result<Arc<Reading>, ApiError> {
        let once = self.slot(&key);
        if let Some(found) = once.now() {
            return found;
        }
        // A place to read is waited for by everyone who asks; only the first of them needs it.
        let place = Arc::clone(&self.reading).acquire_owned().await.map_err(ApiError::internal)?;
        let result = once
            .get(move || {
                let _place = place;
                read()
            })
            .await;
        if result.is_err() {
            // It may be readable the next time.
            self.kept().sections.remove(&key);
        }
        self.make_room();
        result
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: &Key) -> Arc<Once<Arc<Reading>>> {
        let mut kept = self.kept();
        kept.clock += 1;
        let asked = kept.clock;
        let new = || Slot { section: Arc::new(Once::new()), asked };
        let slot = kept.sections.entry(key.clone()).or_insert_with(new);
        slot.asked = asked;
        Arc::clone(&slot.section)
    }

    /// Lets go of sections until the others fit; the one asked for last stays in any case.
    fn make_room(&self) {
        let mut kept = self.kept();
        loop {
            let read = kept.sections.iter().filter_map(|(key, slot)| {
                let bytes = slot.section.now()?.ok()?.bytes();
                Some((slot.asked, key, bytes))
            });
            let read: Vec<_> = read.collect();
            if read.len() <= 1 || read.iter().map(|(_, _, bytes)| bytes).sum::<usize>() <= self.capacity {
                return;
            }
            let oldest = read.into_iter().min_by_key(|(asked, _, _)| *asked).map(|(_, key, _)| key.clone());
            if let Some(oldest) = oldest {
                kept.sections.remove(&oldest);
            }
        }
    }

    #[cfg(test)]
    fn keys(&self) -> Vec<i64> {
        let mut keys: Vec<i64> = self.kept().sections.keys().map(|key| key.line).collect();
        keys.sort_unstable();
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn key(line: i64) -> Key {
        Key { survey: "a".into(), cut: Cut::Inline, line }
    }

    #[tokio::test]
    async fn what_was_not_asked_for_longest_goes_first() {
        let cache = SectionCache::new(2 * 400);
        let times = Arc::new(AtomicUsize::new(0));
        let ask = async |line| {
            let times = Arc::clone(&times);
            cache
                .get(key(line), move || {
                    times.fetch_add(1, Ordering::SeqCst);
                    Ok(Arc::new(Reading::of_constant(10, 10)))
                })
                .await
                .unwrap();
        };
        for line in [1, 2, 1, 3] {
            ask(line).await;
        }
        assert_eq!((cache.keys(), times.load(Ordering::SeqCst)), (vec![1, 3], 3));
    }

    #[tokio::test]
    async fn a_section_that_cannot_be_read_is_tried_again() {
        let cache = SectionCache::new(1000);
        let failed = cache.get(key(1), || Err(ApiError::internal("disk"))).await;
        assert!(failed.is_err() && cache.keys().is_empty());
        assert!(cache.get(key(1), || Ok(Arc::new(Reading::of_constant(2, 2)))).await.is_ok());
    }
}
