//! Rows that pass a filter, kept for the next search: people change the query more often than the filter.

use crate::error::ApiError;
use crate::library::Current;
use refcon_library::RowSet;
use refcon_library::retrieval::RetrievalError;
use refcon_library::retrieval::filter::Filter;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Filters that are kept; the rows of one take 125 kB for a million tiles.
const KEPT: usize = 16;

/// The filters that were used last, with their rows. Searches with the same filter share the rows, and so a pass.
#[derive(Debug, Default)]
pub(crate) struct FilterCache(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    commit: u64,
    filter: Filter,
    rows: Arc<RowSet>,
}

impl FilterCache {
    /// The rows that pass; of no filter, those that were not removed.
    pub(super) fn rows(&self, current: &Current, filter: &Filter) -> Result<Arc<RowSet>, ApiError> {
        let commit = current.snapshot.commit();
        let kept = |cache: &mut VecDeque<Kept>| {
            let at = cache.iter().position(|kept| kept.commit == commit && kept.filter == *filter)?;
            let found = cache.remove(at)?;
            let rows = Arc::clone(&found.rows);
            cache.push_front(found);
            Some(rows)
        };
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = kept(&mut lock()) {
            return Ok(rows);
        }
        let rows = Arc::new(filter.rows(current.searched()?).map_err(RetrievalError::from)?);
        let mut cache = lock();
        // Another search may have found the same rows in the meantime; all should share one set.
        if let Some(rows) = kept(&mut cache) {
            return Ok(rows);
        }
        cache.retain(|kept| kept.commit == commit);
        cache.truncate(KEPT - 1);
        cache.push_front(Kept { commit, filter: filter.clone(), rows: Arc::clone(&rows) });
        Ok(rows)
    }
}
