//! `refcon serve`: the web page on a library and its surveys, and its REST API.

use crate::embedding::EncoderArguments;
use crate::failure::Failure;
use crate::output::Output;
use crate::survey::default_options;
use clap::Args;
use refcon_evaluation::Calibration;
use refcon_server::{Limits, ServeError, Server, ServerOptions, TlsFiles, Token, Training, serve};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

/// How jobs work: what they say goes to their log.
const QUIET: Output = Output { json: false, quiet: true, plain: true };
/// The environment variable that may hold the token, where other users of the machine do not see it.
const TOKEN: &str = "REFCON_TOKEN";

/// Look at a library and its surveys in a web browser: draw a box on a section, see what looks like it
///
/// Only this machine can reach the page, unless --bind says otherwise. Nothing is fetched from any other machine. Ctrl-C stops.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The library to look in, as `refcon index` makes it
    #[arg(long, short, value_name = "DIR")]
    library: PathBuf,

    /// A folder that surveys lie in, also those not in the library yet; may be given several times
    #[arg(long, value_name = "DIR")]
    survey_folder: Vec<PathBuf>,

    /// Show with each match the probability that it is of the query's class, by a calibration that `refcon evaluate
    /// --save-calibration` wrote for this encoder
    #[arg(long, value_name = "FILE.json")]
    calibration: Option<PathBuf>,

    /// The folder of training runs: shown on the page, and where trainings that are begun there go
    #[arg(long, value_name = "DIR")]
    runs: Option<PathBuf>,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,

    #[command(flatten)]
    encoder: EncoderArguments,

    /// Where to listen; port 0 takes one that is free
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:7878",
        help_heading = "Who can reach it"
    )]
    bind: SocketAddr,

    /// What clients must know, 16 characters or more; needed where other machines can reach the server. The environment variable
    /// `REFCON_TOKEN` may hold it instead, where other users of this machine do not see it
    #[arg(long, value_name = "TOKEN", help_heading = "Who can reach it")]
    token: Option<String>,

    /// A name, beside localhost, by which the server is asked, as behind a proxy; may be given several times
    #[arg(long, value_name = "NAME", help_heading = "Who can reach it")]
    allow_host: Vec<String>,

    /// Certificate (PEM, with its chain), to be asked by HTTPS
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = "Who can reach it")]
    tls_certificate: Option<PathBuf>,

    /// The certificate's key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_certificate", help_heading = "Who can reach it")]
    tls_key: Option<PathBuf>,
}

impl Serve {
    pub(crate) fn run(&self, output: &Output) -> Result<(), Failure> {
        let options = self.options()?;
        serve(options, |server| self.ready(server, output))
    }

    fn options(&self) -> Result<ServerOptions, Failure> {
        let said = self.token.clone().or_else(|| std::env::var(TOKEN).ok());
        let token = said.map(|text| Token::new(&text)).transpose().map_err(Failure::usage)?;
        let tls = self.tls_certificate.clone().zip(self.tls_key.clone());
        let encoder = self.encoder.for_library_at(&self.library);
        let calibration = self.calibration.as_deref().map(Calibration::read).transpose();
        Ok(ServerOptions {
            calibration: calibration.map_err(Failure::input)?,
            library: self.library.clone(),
            encoder: Arc::from(encoder.open()?),
            survey_folders: self.survey_folder.clone(),
            survey_options: default_options,
            training: self.runs.as_ref().map(|_| training(&encoder)),
            runs: self.runs.clone(),
            bind: self.bind,
            token,
            allowed_hosts: self.allow_host.clone(),
            tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
            limits: Limits::default(),
        })
    }

    fn ready(&self, server: &Server, output: &Output) -> Result<(), Failure> {
        let url = server.url();
        let text = format!("{} at {url}\nCtrl-C stops", self.library.display());
        output.result(&text, &json!({ "url": url, "library": self.library }))?;
        if self.open {
            open_in_browser(&url);
        }
        Ok(())
    }
}

/// What the page's trainings start from: the encoder that is searched by.
fn training(encoder: &EncoderArguments) -> Training {
    Training {
        encoder: encoder.name().to_owned(),
        device: encoder.device.to_string(),
        precision: encoder.precision.to_string(),
        code: super::train::code(),
        draw_report: |run| super::runs::draw(run, &QUIET).map_err(|failure| failure.to_string()),
    }
}

/// Opens the page; where that does not work, its address has been printed.
fn open_in_browser(url: &str) {
    let (program, arguments): (&str, &[&str]) = match std::env::consts::OS {
        "macos" => ("open", &[]),
        "windows" => ("cmd", &["/C", "start", ""]),
        _ => ("xdg-open", &[]),
    };
    let started =
        Command::new(program).args(arguments).arg(url).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Err(error) = started {
        tracing::warn!("cannot open the browser ({program}: {error}); open {url} yourself");
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::TokenNeeded { .. } | ServeError::Bind { .. } => Self::usage(error),
            ServeError::System(_) => Self::other(error),
            _ => Self::input(error),
        }
    }
}
