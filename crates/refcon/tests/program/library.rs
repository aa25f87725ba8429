//! The upkeep of libraries, through the program itself.

use crate::scratch::{Run, Scratch};
use refcon_library::{Library, Wait};
use serde_json::Value;
use std::fs;
use std::time::Duration;

/// A library of two folders of images, three classes.
fn library() -> Scratch {
    let scratch = Scratch::new();
    for n in 0..4 {
        scratch.tile(&format!("old/Salt/{n}.png"), 6.0 + n as f32, 0.0);
        scratch.tile(&format!("old/Fault/{n}.png"), 6.0 + n as f32, 1.0);
        scratch.tile(&format!("new/Channel/{n}.png"), 6.0 + n as f32, 2.0);
    }
    let index = |folder| {
        scratch.refcon(&["index", folder, "-l", "L", "--classes-from-folders"]).done();
    };
    index("old");
    index("new");
    scratch
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.done().stdout).unwrap()
}

fn info(scratch: &Scratch) -> Value {
    json(&scratch.refcon(&["library", "info", "L", "--json"]))
}

#[test]
fn info_says_what_a_library_holds() {
    let scratch = library();
    let info = info(&scratch);
    assert_eq!(info["tiles"], 12);
    assert_eq!(info["surveys"], serde_json::json!({"new": 4, "old": 8}));
    assert_eq!(info["classes"], serde_json::json!({"Channel": 4, "Fault": 4, "Salt": 4}));
    let text = scratch.refcon(&["library", "info", "L"]).done().stdout.clone();
    for says in ["12 tiles", "encoder texture", "images old by texture", "class Salt: 4 tiles"] {
        assert!(text.contains(says), "{says:?} is not in {text}");
    }
}

#[test]
fn tiles_are_removed_by_survey_and_class_and_their_room_by_compacting() {
    let scratch = library();
    let remove = |arguments: &[&str]| {
        json(&scratch.refcon(&[&["library", "remove", "L", "--json"], arguments].concat()))["removed"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(remove(&["--in-class", "Salt", "--survey", "new"]), 0);
    assert_eq!(remove(&["--in-class", "Salt"]), 4);
    assert_eq!(info(&scratch)["classes"], serde_json::json!({"Channel": 4, "Fault": 4}));
    assert_eq!(remove(&["--survey", "new"]), 4);
    let compacted = json(&scratch.refcon(&["library", "compact", "L", "--json"]));
    assert_eq!((compacted["fragments"].as_u64(), compacted["removed"].as_u64()), (Some(1), Some(4)));
    let info = info(&scratch);
    assert_eq!((info["tiles"].as_u64(), info["sources"].as_array().unwrap().len()), (Some(4), 1));
    // A survey that was removed is read anew, classes that were removed stay away.
    scratch.refcon(&["index", "old", "new", "-l", "L", "--classes-from-folders"]).done();
    assert_eq!(json(&scratch.refcon(&["library", "info", "L", "--json"]))["tiles"], 8);
    scratch.refcon(&["library", "remove", "L"]).usage_error(&["--survey"]);
    let other = scratch.refcon(&["library", "remove", "L", "--survey", "old", "--encoder", "vit"]);
    other.failed_with(3, &["--encoder vit", "it has texture"]);
}

#[test]
fn damage_is_found_named_repaired_and_indexed_again() {
    let scratch = library();
    let check = |more: &[&str]| scratch.refcon(&[&["library", "check", "L"], more].concat());
    assert!(check(&[]).done().stdout.contains("12 tiles in 2 fragments are whole"));
    let path = scratch.path("L/fragments/00000001.arrow");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&path, bytes).unwrap();
    check(&[]).failed_with(3, &["1 file of L", "4 tiles", "00000001.arrow is damaged", "checksum"]);
    check(&["--repair"]).done();
    check(&[]).done();
    assert_eq!(info(&scratch)["tiles"], 8);
    scratch.refcon(&["index", "old", "new", "-l", "L", "--classes-from-folders"]).done();
    assert_eq!(info(&scratch)["tiles"], 12);
}

#[test]
fn a_second_writer_says_who_holds_the_library_or_waits() {
    let scratch = library();
    let held = Library::open(&scratch.path("L")).unwrap();
    let writer = held.writer(Wait::No).unwrap();
    let holder = format!("process {} on", std::process::id());
    let holder = if cfg!(unix) { holder.as_str() } else { "another process" };
    scratch
        .refcon(&["index", "new", "-l", "L"])
        .failed_with(4, &["L is being written to by", holder, "--wait"]);
    scratch.refcon(&["library", "compact", "L"]).failed_with(4, &["L is being written to by"]);
    // Readers do not wait.
    assert_eq!(info(&scratch)["tiles"], 12);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| scratch.refcon(&["library", "compact", "L", "--wait"]));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!waiting.is_finished());
        drop(writer);
        assert!(waiting.join().unwrap().done().stderr.contains("waiting for"));
    });
}

#[test]
fn what_is_no_library_is_refused() {
    let scratch = Scratch::new();
    scratch
        .refcon(&["library", "info", "nowhere"])
        .failed_with(3, &["nowhere is no library", "refcon index"]);
    scratch.write("L/library.json", br#"{"format": "refcon-library", "version": 99}"#);
    scratch.refcon(&["library", "check", "L"]).failed_with(3, &["version 99", "use a newer refcon"]);
}

#[test]
fn what_is_exported_is_imported_again_tile_by_tile() {
    let scratch = library();
    let exported = json(&scratch.refcon(&["library", "export", "L", "-o", "all.npy", "--json"]));
    assert_eq!((exported["tiles"].as_u64(), exported["table"].as_str()), (Some(12), Some("all.csv")));
    let import = |more: &[&str]| {
        let files = ["library", "import", "M", "--embeddings", "all.npy", "--table", "all.csv", "--json"];
        scratch.refcon(&[files.as_slice(), more].concat())
    };
    assert_eq!(json(&import(&["--encoder", "texture"]))["tiles"], 12);
    assert_eq!(json(&import(&["--encoder", "texture"]))["unchanged"], true);
    scratch.refcon(&["library", "check", "M"]).done();
    scratch.refcon(&["library", "export", "M", "-o", "again.npy"]).done();
    for (one, other) in [("all.npy", "again.npy"), ("all.csv", "again.csv")] {
        assert_eq!(fs::read(scratch.path(one)).unwrap(), fs::read(scratch.path(other)).unwrap());
    }
    // The same vectors under another name are those of another encoder.
    assert_eq!(json(&import(&["--made-by", "resnet of a colleague"]))["tiles"], 12);
    scratch
        .refcon(&["library", "export", "M", "-o", "x.npy"])
        .failed_with(3, &["texture", "resnet", "say which encoder"]);
    scratch.refcon(&["library", "export", "M", "-o", "x.npy", "--encoder", "resnet"]).done();

    let table = fs::read_to_string(scratch.path("all.csv")).unwrap();
    let short: Vec<&str> = table.lines().take(9).collect();
    scratch.write("all.csv", short.join("\n").as_bytes());
    import(&["--encoder", "texture"]).failed_with(3, &["all.csv", "it has 8 lines for 12 embeddings"]);
    scratch.refcon(&["library", "export", "L", "-o", "x.json"]).failed_with(2, &[".parquet, .npy or .faiss"]);
}

#[test]
fn a_flat_index_has_faisss_layout() {
    let scratch = library();
    for (metric, name, kind) in [("cosine", b"IxFI", 0i32), ("inner-product", b"IxFI", 0), ("l2", b"IxF2", 1)]
    {
        scratch.refcon(&["library", "export", "L", "-o", "x.faiss", "--metric", metric]).done();
        let bytes = fs::read(scratch.path("x.faiss")).unwrap();
        assert_eq!(&bytes[..4], name);
        let components = i32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        assert_eq!(i64::from_le_bytes(bytes[8..16].try_into().unwrap()), 12);
        assert_eq!((bytes[32], i32::from_le_bytes(bytes[33..37].try_into().unwrap())), (1, kind));
        assert_eq!(u64::from_le_bytes(bytes[37..45].try_into().unwrap()), 12 * components as u64);
        assert_eq!(bytes.len(), 45 + 12 * components * 4);
    }
}

#[test]
fn a_survey_that_filters_took_all_of_is_read_anew() {
    let scratch = library();
    scratch.refcon(&["library", "remove", "L", "--in-survey", "new"]).done();
    assert_eq!(info(&scratch)["sources"].as_array().unwrap().len(), 1);
    scratch.refcon(&["index", "new", "-l", "L", "--classes-from-folders"]).done();
    assert_eq!(info(&scratch)["tiles"], 12);
}

#[test]
fn a_library_whose_files_are_all_damaged_says_so() {
    let scratch = library();
    for entry in fs::read_dir(scratch.path("L/fragments")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    }
    let search = || scratch.refcon(&["search", "-l", "L", "--tile", "1"]);
    search().failed_with(3, &["none of the tiles by texture", "is damaged", "--repair"]);
    fs::remove_dir_all(scratch.path("L/fragments")).unwrap();
    search().failed_with(3, &["none of the tiles by texture", "--repair"]);
    scratch.refcon(&["library", "check", "L"]).failed_with(3, &["2 files of L", "--repair"]);
}

#[test]
fn an_export_replaces_no_table_of_something_else() {
    let scratch = library();
    scratch.write("notes.csv", b"mine");
    scratch
        .refcon(&["library", "export", "L", "-o", "notes.npy"])
        .failed_with(2, &["notes.csv is there already"]);
    assert_eq!(fs::read(scratch.path("notes.csv")).unwrap(), b"mine");
    assert!(!scratch.path("notes.npy").exists());
    scratch.refcon(&["library", "export", "L", "-o", "tiles.npy"]).done();
    scratch.refcon(&["library", "export", "L", "-o", "tiles.npy"]).done();
}
