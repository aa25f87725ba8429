//! The dashboard of a training, in a pseudo-terminal.

use crate::train::{only_run, tiles, wait_for_lines};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

#[test]
fn a_terminal_gets_a_dashboard_that_q_ends_and_is_given_back() {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: no `script`, which gives a program a terminal");
        return;
    }
    let scratch = tiles();
    let train = format!(
        "stty rows 24 cols 80; exec timeout --foreground 120 {} train --data train --set 'stopping={{epochs: 100000, patience: null}}'",
        env!("CARGO_BIN_EXE_refcon")
    );
    let mut child = Command::new("script")
        .args(["-qec", &train, "/dev/null"])
        .env("TERM", "xterm")
        .current_dir(scratch.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(wait_for_lines(&mut child, &scratch.path("runs"), 30), "it ended by itself");
    // Pictures are drawn a few times a second.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"q").unwrap();
    let mut shown = String::new();
    child.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    assert!(child.wait().unwrap().success(), "{shown}");
    let (entered, left) = (shown.find("\x1b[?1049h").unwrap(), shown.find("\x1b[?1049l").unwrap());
    let picture = &shown[entered..left];
    assert!(picture.contains("map_at_r") && picture.contains("keep everything"), "{picture}");
    // The result stands on the screen that was there before, and nothing of the epochs does.
    let after = &shown[left..];
    assert!(after.contains("`refcon train --resume runs/") && !after.contains("epoch 1/"), "{after}");
    let run = only_run(&scratch.path("runs"));
    let facts: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(facts["state"], "interrupted");
}

#[test]
fn plain_lines_are_for_pipes_and_on_request() {
    let scratch = tiles();
    let train = ["train", "--data", "train", "--set", "stopping.epochs=2"];
    for plain in [&[][..], &["--plain"]] {
        let run = scratch.refcon(&[&train[..], plain].concat());
        let epochs = run.done().stderr.lines().filter(|line| line.starts_with("epoch ")).count();
        assert!(epochs == 2 && !run.stderr.contains('\x1b'), "{run:?}");
    }
}
