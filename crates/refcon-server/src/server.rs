//! Opening, binding, answering, stopping.

use crate::app::{App, router};
use crate::batching::{QUERIES_A_PASS, Scans};
use crate::jobs::{Jobs, clear_labelled_tiles};
use crate::labels::{Labels, LabelsError};
use crate::library::OpenLibrary;
use crate::limits::Limits;
use crate::projection::Projections;
use crate::search::FilterCache;
use crate::sections::SectionCache;
use crate::security::folders::Folders;
use crate::security::{Access, AllowedHosts, Token};
use crate::surveys::{OptionsOf, Surveys};
use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::TokioTimer;
use refcon_encoders::Encoder;
use refcon_evaluation::Calibration;
use refcon_evaluation::calibration::MismatchError;
use refcon_library::{Library, LibraryError, Metric};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// What is open gets so long to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(5);
/// Threads for work that takes a disk or a processor, at most: a search waits on one of them until its pass is done, so that a whole pass can
/// gather. The runtime starts another thread whenever none happens to be idle, hundreds of them under load, and each keeps what memory it
/// has ever freed for itself: without this bound a busy server grows for hours, by some 20 bytes a search.
const BLOCKING_THREADS: usize = QUERIES_A_PASS;

/// What to serve, and to whom.
pub struct ServerOptions {
    /// The library's folder.
    pub library: PathBuf,
    /// The encoder whose embeddings are searched, and that embeds what is drawn or sent.
    pub encoder: Arc<dyn Encoder>,
    /// What confidences mean; none: they compare the matches of one answer with each other.
    pub calibration: Option<Calibration>,
    /// Folders that surveys may lie in.
    pub survey_folders: Vec<PathBuf>,
    /// What a survey file is opened with of which the library says nothing.
    pub survey_options: OptionsOf,
    /// The folder of training runs.
    pub runs: Option<PathBuf>,
    /// What jobs train; none: the server trains nothing.
    pub training: Option<Training>,
    /// Where to listen; port 0 is any that is free.
    pub bind: SocketAddr,
    /// What clients must know; needed where `bind` can be reached from elsewhere.
    pub token: Option<Token>,
    /// Further names that the server answers to, as behind a proxy.
    pub allowed_hosts: Vec<String>,
    /// Certificate and key, to be asked by HTTPS.
    pub tls: Option<TlsFiles>,
    /// How much a request may ask for.
    pub limits: Limits,
}

/// Draws the page of the run in a folder, and says where it is; else why there is none.
pub type DrawReport = fn(&Path) -> Result<PathBuf, String>;

/// What a training begins with, by the names that the command line has for them.
#[derive(Debug, Clone)]
pub struct Training {
    /// `texture`, or the path of a checkpoint: the one whose embeddings are searched.
    pub encoder: String,
    /// Where it is trained.
    pub device: String,
    /// What it computes in.
    pub precision: String,
    /// Which program trains, for the run's facts.
    pub code: String,
    /// What draws a run's page when it has finished.
    pub draw_report: DrawReport,
}

/// A certificate with its chain, and its key, PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate first, then those that signed it.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The library cannot be opened.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// Its labels cannot be read.
    #[error(transparent)]
    Labels(#[from] LabelsError),
    /// The calibration belongs to another encoder or metric.
    #[error(transparent)]
    Calibration(#[from] MismatchError),
    /// A survey folder cannot be used.
    #[error("cannot use the survey folder: {0}")]
    SurveyFolder(io::Error),
    /// Others could reach the server, and nothing would stop them.
    #[error(
        "{bind} can be reached from other machines: give a token that clients must know (--token), or bind to 127.0.0.1"
    )]
    TokenNeeded {
        /// Where it was to listen.
        bind: SocketAddr,
    },
    /// The address is taken, or not this machine's.
    #[error("cannot listen at {bind}: {source}; another server may run there: give another --bind")]
    Bind {
        /// Where it was to listen.
        bind: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("cannot use the certificate {} with the key {}: {source}; expected PEM files that belong together", files.certificate.display(), files.key.display())]
    Tls {
        /// The files.
        files: TlsFiles,
        /// What is wrong.
        source: io::Error,
    },
    /// The system would not give what a server needs.
    #[error("cannot serve: {0}")]
    System(#[from] io::Error),
}

/// Opens, tells `ready` of it, and answers until the program is told to end (Ctrl-C, or a signal to terminate).
///
/// # Errors
/// As [`Server::open`] and [`Server::run`].
pub fn serve<E: From<ServeError>>(
    options: ServerOptions,
    ready: impl FnOnce(&Server) -> Result<(), E>,
) -> Result<(), E> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build();
    let runtime = runtime.map_err(|error| E::from(ServeError::System(error)))?;
    let done = runtime.block_on(async {
        let server = Server::open(options).await?;
        ready(&server)?;
        server.run(told_to_end()).await.map_err(E::from)
    });
    // A survey that is still being opened is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn told_to_end() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without the signal there is nothing to wait for.
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => tokio::select! {
                () = interrupted => {}
                _ = terminated.recv() => {}
            },
            Err(_) => interrupted.await,
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}

/// A server that listens.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    address: SocketAddr,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens library, labels and surveys, and binds.
    ///
    /// # Errors
    /// Something cannot be opened; or others could reach the server and there is no token.
    pub async fn open(options: ServerOptions) -> Result<Self, ServeError> {
        let bind = options.bind;
        if !bind.ip().is_loopback() && options.token.is_none() {
            return Err(ServeError::TokenNeeded { bind });
        }
        let tls = match options.tls.clone() {
            Some(files) => Some(tls_config(files).await?),
            None => None,
        };
        let app = Arc::new(open_app(options)?);
        let taken = |source| ServeError::Bind { bind, source };
        let listener = TcpListener::bind(bind).map_err(taken)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Self { app, listener, tls, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The page's address.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// What answers, without a network.
    pub fn router(&self) -> Router {
        router(Arc::clone(&self.app))
    }

    /// Answers until `stop` is there. Then nothing new is taken up, what is open gets some seconds to end, and jobs are stopped; what
    /// was acknowledged is on disk at any time.
    ///
    /// # Errors
    /// The system no longer lets it listen.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), ServeError> {
        let handle = Handle::new();
        let (app, stopping) = (Arc::clone(&self.app), handle.clone());
        let watch = tokio::spawn(async move {
            stop.await;
            stopping.graceful_shutdown(Some(FAREWELL));
            let jobs = tokio::task::spawn_blocking(move || app.jobs.shut_down());
            drop(jobs.await);
        });
        let router = self.router().into_make_service();
        let header_time = self.app.limits.header_time;
        let served = match self.tls {
            None => {
                let mut server = axum_server::from_tcp(self.listener)?.handle(handle);
                server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(header_time);
                server.serve(router).await
            }
            Some(tls) => {
                let mut server = axum_server::from_tcp_rustls(self.listener, tls)?.handle(handle);
                server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(header_time);
                server.serve(router).await
            }
        };
        if served.is_ok() {
            // It ended because it was told to: jobs are waited for.
            drop(watch.await);
        }
        Ok(served?)
    }
}

fn open_app(options: ServerOptions) -> Result<App, ServeError> {
    let library = Library::open(&options.library)?;
    if let Some(runs) = &options.runs {
        clear_labelled_tiles(runs);
    }
    let labels = Labels::open(library.folder())?;
    let folders = Folders::new(&options.survey_folders).map_err(ServeError::SurveyFolder)?;
    let snapshot = library.snapshot()?;
    if !snapshot.encoders().is_empty() {
        // A library of other encoders' embeddings would look empty.
        snapshot.tiles(options.encoder.id())?;
    }
    let surveys = Surveys::new(folders, options.survey_options, &snapshot);
    if let Some(calibration) = &options.calibration {
        calibration.check(options.encoder.id(), Metric::Cosine)?;
    }
    let library = OpenLibrary::new(library, options.encoder.id().clone())?;
    let limits = options.limits;
    Ok(App {
        access: Access {
            token: options.token,
            hosts: AllowedHosts::new(options.allowed_hosts),
            encrypted: options.tls.is_some(),
        },
        library,
        encoder: options.encoder,
        calibration: options.calibration,
        surveys,
        sections: SectionCache::new(limits.section_cache_bytes),
        labels,
        jobs: Jobs::start(limits.jobs)?,
        scans: Scans::start(Metric::Cosine)?,
        filters: FilterCache::default(),
        projections: Projections::default(),
        runs: options.runs,
        training: options.training,
        requests: Semaphore::new(limits.requests),
        sessions: Semaphore::new(limits.sessions),
        searches: Arc::new(Semaphore::new(limits.searches)),
        event_streams: Arc::new(Semaphore::new(limits.event_streams)),
        limits,
    })
}

async fn tls_config(files: TlsFiles) -> Result<RustlsConfig, ServeError> {
    // Another part of the program may have chosen one before: it is of the same make.
    drop(rustls::crypto::ring::default_provider().install_default());
    let config = RustlsConfig::from_pem_file(&files.certificate, &files.key).await;
    config.map_err(|source| ServeError::Tls { files, source })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use refcon_encoders::Texture;
    use refcon_seismic::SurveyOptions;

    fn options(folder: &Path, bind: &str) -> ServerOptions {
        Library::open_or_create(folder).unwrap();
        ServerOptions {
            library: folder.to_owned(),
            encoder: Arc::new(Texture::new()),
            calibration: None,
            survey_folders: Vec::new(),
            survey_options: |_| SurveyOptions::default(),
            runs: None,
            training: None,
            bind: bind.parse().unwrap(),
            token: None,
            allowed_hosts: Vec::new(),
            tls: None,
            limits: Limits::default(),
        }
    }

    /// An app on a library without tiles.
    pub(crate) fn empty_app(folder: &Path, limits: Limits) -> Arc<App> {
        let options = ServerOptions { limits, ..options(&folder.join("library"), "127.0.0.1:0") };
        Arc::new(open_app(options).unwrap())
    }

    #[tokio::test]
    async fn without_a_token_nothing_listens_where_others_could_reach_it() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("library");
        for bind in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let refused = Server::open(options(&folder, bind)).await.unwrap_err();
            assert!(matches!(refused, ServeError::TokenNeeded { .. }), "{bind}: {refused}");
        }
        let token = Token::new("0123456789abcdef").unwrap();
        let open = ServerOptions { token: Some(token), ..options(&folder, "0.0.0.0:0") };
        assert!(Server::open(open).await.is_ok());
        assert!(Server::open(options(&folder, "127.0.0.1:0")).await.is_ok());
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("library");
        let first = Server::open(options(&folder, "127.0.0.1:0")).await.unwrap();
        let taken = first.address().to_string();
        let message = Server::open(options(&folder, &taken)).await.unwrap_err().to_string();
        assert!(message.contains(&taken) && message.contains("--bind"), "{message}");
    }
}
