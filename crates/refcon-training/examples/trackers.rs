//! Writes what the trackers write of a run of three steps, for the interoperability tests:
//! `cargo run -p refcon-training --example trackers -- FOLDER`.

use refcon_training::tracking::{MetricEvent, TensorBoard, TrackingError, WandbOffline, WandbRun};
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

fn main() -> Result<(), TrackingError> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "trackers".into()));
    let started = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let config = json!({"learning_rate": 5e-6, "seed": 42, "loss": {"kind": "triplet", "margin": 1.0}, "note": "x".repeat(40_000)});
    let run = WandbRun {
        id: "brave-fox-1".into(),
        project: "refcon".into(),
        name: "brave-fox-1".into(),
        config: config.as_object().cloned().unwrap_or_default(),
        started,
    };
    let mut board = TensorBoard::create(&folder.join("tensorboard"), started)?;
    let mut offline = WandbOffline::create(&folder.join("wandb"), &run)?;
    for step in [1u64, 2, 300] {
        let event = |name: &str, value| MetricEvent {
            step,
            epoch: Some(step as f64 / 100.0),
            name: name.into(),
            value,
        };
        let events = [
            event("train/loss", 1.0 / step as f64),
            event("validation/map_at_r", 0.5 + step as f64 / 1000.0),
        ];
        let at = started + Duration::from_secs(step);
        board.record(at, &events)?;
        offline.record(at, &events)?;
    }
    println!("{}\n{}", board.path().display(), offline.folder().display());
    offline.finish(0)
}
