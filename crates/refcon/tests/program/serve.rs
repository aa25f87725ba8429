//! `refcon serve`: started, asked, stopped.

use crate::scratch::Scratch;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server that runs; it is ended with the test.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(scratch: &Scratch, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_refcon"))
            .args(["serve", "-l", "L", "--bind", "127.0.0.1:0", "--json"])
            .args(arguments)
            .current_dir(scratch.path("."))
            .env_remove("REFCON_TOKEN")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut told = String::new();
        while !told.trim_end().ends_with('}') {
            assert_ne!(out.read_line(&mut told).unwrap(), 0, "the server ended: {told}");
        }
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let address = told["url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { child, address }
    }

    fn ask(&self, method: &str, path: &str, more: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (host, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn json(&self, method: &str, path: &str, body: &str) -> serde_json::Value {
        let answer = self.ask(method, path, "Content-Type: application/json\r\n", body);
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn library() -> Scratch {
    let scratch = Scratch::new();
    for n in 0..4 {
        scratch.tile(&format!("tiles/Salt/{n}.png"), 6.0 + n as f32, 0.0);
        scratch.tile(&format!("tiles/Fault/{n}.png"), 6.0 + n as f32, 1.0);
    }
    scratch.refcon(&["index", "tiles", "-l", "L", "--classes-from-folders"]).done();
    scratch
}

#[test]
fn a_library_is_served_searched_labelled_and_the_labels_outlive_the_server() {
    let scratch = library();
    let mut server = Running::start(&scratch, &[]);
    assert!(server.ask("GET", "/", "", "").starts_with("HTTP/1.1 200"));
    assert_eq!(server.json("GET", "/api/library", "")["tiles"], 8);
    let found = server.json("POST", "/api/search", r#"{"query":{"kind":"tile","id":0},"k":3}"#);
    assert_eq!(found["matches"].as_array().map(Vec::len), Some(3));
    assert_eq!(server.json("PUT", "/api/labels/0", r#"{"class":"Channel"}"#)["class"], "Channel");
    #[cfg(unix)]
    {
        let begun = Instant::now();
        let id = server.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let ended = server.child.wait().unwrap();
        assert!(ended.success() && begun.elapsed() < Duration::from_secs(8), "{ended} {:?}", begun.elapsed());
        server = Running::start(&scratch, &[]);
    }
    let labels = server.json("GET", "/api/labels", "");
    assert_eq!(labels[0]["class"], "Channel");
    // Indexing goes on beside the server's file.
    scratch.refcon(&["library", "check", "L"]).done();
}

#[test]
fn labels_are_trained_on_and_the_encoder_is_one_for_every_command() {
    let scratch = library();
    let server = Running::start(&scratch, &["--runs", "runs"]);
    for tile in 0..8 {
        let class = if tile < 4 { r#"{"class":"Left"}"# } else { r#"{"class":"Right"}"# };
        server.json("PUT", &format!("/api/labels/{tile}"), class);
    }
    server.json("POST", "/api/jobs", r#"{"kind":"train","epochs":2}"#);
    let events = server.ask("GET", "/api/jobs/1/events", "", "");
    assert!(events.contains("for --encoder") && events.contains(r#""status":"done""#), "{events}");
    let run = server.json("GET", "/api/runs", "")[0].take();
    assert_eq!(run["status"], "finished", "{run}");
    let name = run["name"].as_str().unwrap();
    // The run has the page of `refcon train`, and its labelled tiles are taken away.
    let page = server.ask("GET", &format!("/api/runs/{name}/report.html"), "", "");
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("Held-out tiles were searched"), "{page:.600}");
    assert_eq!(std::fs::read_dir(scratch.path("runs/labels")).unwrap().count(), 0);
    let again = scratch.refcon(&["runs", name, "--report"]);
    again.failed_with(3, &["no longer in", "stays as it is"]);
    assert!(scratch.path("runs").join(name).join("report.html").exists());
    let best = format!("runs/{name}/best");
    scratch.refcon(&["index", "tiles", "-l", "L", "--encoder", &best]).done();
    // Also where no job has trained: the server says how it is started for that.
    drop(server);
    let server = Running::start(&scratch, &[]);
    let refused =
        server.ask("POST", "/api/jobs", "Content-Type: application/json\r\n", r#"{"kind":"train"}"#);
    assert!(refused.starts_with("HTTP/1.1 400") && refused.contains("--runs DIR"), "{refused}");
}

#[test]
fn with_a_token_strangers_get_nothing() {
    let scratch = library();
    let server = Running::start(&scratch, &["--token", "correct-horse-battery"]);
    assert!(server.ask("GET", "/api/library", "", "").starts_with("HTTP/1.1 401"));
    let known = server.ask("GET", "/api/library", "Authorization: Bearer correct-horse-battery\r\n", "");
    assert!(known.starts_with("HTTP/1.1 200"), "{known}");
}

#[test]
fn what_cannot_be_served_is_told() {
    let scratch = library();
    let open = scratch.refcon(&["serve", "-l", "L", "--bind", "0.0.0.0:0"]);
    open.failed_with(2, &["can be reached from other machines", "--token"]);
    let short = scratch.refcon(&["serve", "-l", "L", "--bind", "0.0.0.0:0", "--token", "short"]);
    short.failed_with(2, &["16 characters"]);
    scratch.refcon(&["serve", "-l", "nowhere"]).failed_with(3, &["nowhere"]);
    scratch.refcon(&["serve", "-l", "L", "--survey-folder", "nowhere"]).failed_with(3, &["nowhere"]);
    scratch.refcon(&["serve", "-l", "L", "--tls-key", "k"]).usage_error(&["--tls-certificate"]);
}
