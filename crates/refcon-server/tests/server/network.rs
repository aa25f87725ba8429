//! On a real port: connections, encryption, stopping.

use crate::site::Site;
use refcon_server::TlsFiles;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_answers_until_it_is_told_to_stop_and_ends_its_jobs() {
    let site = Site::new().await;
    let (address, folder) = (site.server.address(), site.folder);
    let router = site.server.router();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(site.server.run(async { drop(stopped.await) }));
    let answer = tokio::task::spawn_blocking(move || get(address, "/api/library")).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\"not_covered\":0"), "{answer}");
    // Somebody who only connects does not keep the server from stopping.
    let idle = TcpStream::connect(address).unwrap();
    let begun = Instant::now();
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    drop((idle, router, folder));
    assert!(TcpStream::connect(address).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_ends_its_headers_is_dropped() {
    let site = Site::with(|options| options.limits.header_time = Duration::from_millis(200)).await;
    let address = site.server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(site.server.run(async { drop(stopped.await) }));
    let begun = Instant::now();
    let answer = tokio::task::spawn_blocking(move || ask(address, "GET / HTTP/1.1\r\nHost: localhost\r\n"))
        .await
        .unwrap();
    assert!(!answer.contains("200 OK") && begun.elapsed() < Duration::from_secs(10), "{answer}");
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_certificate_it_is_asked_by_https() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = tempfile::tempdir().unwrap();
    let (certificate, key) = (files.path().join("certificate.pem"), files.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = TlsFiles { certificate: certificate.clone(), key };
    let site = Site::with(|options| options.tls = Some(tls)).await;
    assert!(site.server.url().starts_with("https://127.0.0.1:"));
    let address = site.server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(site.server.run(async { drop(stopped.await) }));

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificate).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    stream
        .write_all(b"GET /api/library HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // Some clients end without the closing alert; what was answered counts.
    drop(stream.read_to_end(&mut answer).await);
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200 OK"));
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn files_that_are_no_certificate_are_named() {
    let site = Site::new().await;
    let files = TlsFiles { certificate: site.path("surveys/cube.sgy"), key: site.path("nothing.pem") };
    let options =
        refcon_server::ServerOptions { tls: Some(files), ..crate::site::options(site.folder.path()) };
    let error = refcon_server::Server::open(options).await.unwrap_err().to_string();
    assert!(error.contains("cube.sgy") && error.contains("PEM"), "{error}");
}
