//! Work that takes a processor or a disk, kept off the threads that answer requests.

use crate::error::ApiError;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Runs `work` on a thread of its own.
///
/// # Errors
/// Those of `work`, and that it panicked.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(panicked()))
}

fn panicked() -> ApiError {
    ApiError::internal("the server met a defect of its own while it worked on this request")
        .hint("the server goes on; please report what you asked for")
}

/// A result that is worked out once, however many ask for it at the same time, and whoever of them gives up waiting.
#[derive(Debug)]
pub(crate) struct Once<T> {
    result: watch::Sender<Option<Result<T, ApiError>>>,
    begun: AtomicBool,
}

impl<T: Clone + Send + Sync + 'static> Once<T> {
    pub(crate) fn new() -> Self {
        Self { result: watch::Sender::new(None), begun: AtomicBool::new(false) }
    }

    /// The result, if it is there.
    pub(crate) fn now(&self) -> Option<Result<T, ApiError>> {
        self.result.borrow().clone()
    }

    /// The result of `work`, which the first caller starts.
    pub(crate) fn get(
        self: &Arc<Self>,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> impl Future<Output = Result<T, ApiError>> {
        if !self.begun.swap(true, Ordering::AcqRel) {
            let once = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked()));
                once.result.send_replace(Some(result));
            });
        }
        let mut result = self.result.subscribe();
        let once = Arc::clone(self);
        async move {
            // `once` holds the sender, so that there is always an answer to wait for.
            let found = result.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
            drop(once);
            found.unwrap_or_else(|| Err(panicked()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[tokio::test]
    async fn work_is_done_once_for_all_who_ask() {
        let (once, times) = (Arc::new(Once::new()), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let times = Arc::clone(&times);
            once.get(move || Ok(times.fetch_add(1, Ordering::SeqCst)))
        };
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((first.unwrap(), second.unwrap(), times.load(Ordering::SeqCst)), (0, 0, 1));
    }

    #[tokio::test]
    async fn a_panic_is_an_error_for_all_who_ask() {
        let once = Arc::new(Once::<usize>::new());
        let (first, second) = (once.get(|| panic!("a defect")), once.get(|| Ok(1)));
        assert!(first.await.is_err() && second.await.is_err());
        assert!(blocking::<()>(|| panic!("a defect")).await.is_err());
    }
}
