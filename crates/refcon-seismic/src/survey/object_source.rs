//! Files in object stores (S3, HTTP, memory, …), read where they lie.

use crate::segy::ReadAt;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt};
use std::future::Future;
use std::io;
use std::sync::{Arc, LazyLock, mpsc};
use tokio::runtime::{Builder, Runtime};

/// An object of a store of the [`object_store`] crate, read by ranges.
///
/// Each read is one request for exactly its bytes, and the calling thread waits for the answer; the requests themselves run
/// on a thread that all objects share. It may be used inside and outside of asynchronous programs, where it blocks as
/// reading a file does. Nothing is kept: what is read twice is asked for twice.
#[derive(Debug)]
pub struct ObjectSource {
    store: Arc<dyn ObjectStore>,
    path: ObjectPath,
    bytes: u64,
}

impl ObjectSource {
    /// Opens the object called `path`: one request, for its length.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] where `path` is no path of an object, [`io::ErrorKind::NotFound`] where there is no
    /// such object, and whatever else the store says.
    pub fn open(store: Arc<dyn ObjectStore>, path: &str) -> io::Result<Self> {
        Self::at(store, parsed(path)?)
    }

    pub(super) fn at(store: Arc<dyn ObjectStore>, path: ObjectPath) -> io::Result<Self> {
        let (asked, of) = (Arc::clone(&store), path.clone());
        let bytes = wait(async move { asked.head(&of).await })?.size;
        Ok(Self { store, path, bytes })
    }
}

impl ReadAt for ObjectSource {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|&end| end <= self.bytes);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        if buffer.is_empty() {
            return Ok(());
        }
        let (store, path) = (Arc::clone(&self.store), self.path.clone());
        let bytes = wait(async move { store.get_range(&path, offset..end).await })?;
        if bytes.len() != buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.copy_from_slice(&bytes);
        Ok(())
    }
}

/// The path of an object, as text.
pub(super) fn parsed(path: &str) -> io::Result<ObjectPath> {
    ObjectPath::parse(path).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
}

/// Has a request done and waits for its answer.
///
/// The request runs on a thread of its own, because a thread that already runs asynchronous work must not drive more of it
/// itself, and because clients of real stores need a Tokio runtime around them.
pub(super) fn wait<T: Send + 'static>(
    request: impl Future<Output = object_store::Result<T>> + Send + 'static,
) -> io::Result<T> {
    static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
        Builder::new_multi_thread().worker_threads(1).thread_name("object-store").enable_all().build()
    });
    let runtime = RUNTIME.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
    let (sender, answer) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        // Nobody is left to be told where the receiver is gone.
        let _ = sender.send(request.await);
    });
    let answer = answer.recv().map_err(|_| io::Error::other("the object store gave no answer"))?;
    answer.map_err(|error| match &error {
        object_store::Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            io::Error::new(io::ErrorKind::PermissionDenied, error)
        }
        _ => io::Error::other(error),
    })
}
