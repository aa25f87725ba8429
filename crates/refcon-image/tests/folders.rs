//! Folders of images, and labelled folders.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use image::{DynamicImage, GrayImage, Luma};
use refcon_image::{DecodeLimits, GalleryError, ListError, list, pick_tiles_of_classes};
use std::path::Path;
use tempfile::TempDir;

fn folder_with(files: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for file in files {
        let path = folder.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"").unwrap();
    }
    folder
}

fn names(folder: &Path) -> Vec<String> {
    list(folder).unwrap().into_iter().map(|file| file.name).collect()
}

/// `count` tiles of one grey level each, told apart by their level.
fn write_class(folder: &Path, class: &str, count: u8) {
    std::fs::create_dir_all(folder.join(class)).unwrap();
    for level in 0..count {
        let tile = DynamicImage::ImageLuma8(GrayImage::from_pixel(4, 3, Luma([level])));
        tile.save(folder.join(class).join(format!("{level:03}.png"))).unwrap();
    }
}

fn pick(folder: &Path, per_class: usize, seed: u64) -> Vec<(String, usize, Vec<u8>)> {
    let classes = pick_tiles_of_classes(folder, per_class, seed, &DecodeLimits::default()).unwrap();
    let levels = |tiles: &[refcon_image::GreyImage]| tiles.iter().map(|tile| tile.to_8bit()[0]).collect();
    classes.into_iter().map(|class| (class.name, class.count, levels(&class.tiles))).collect()
}

#[test]
fn images_are_listed_by_extension_in_any_case_and_sorted() {
    let folder =
        folder_with(&["b.PNG", "a.jpeg", "c.Tif", "d.tiff", "e.jpg", "notes.txt", "png", "f.png.bak"]);
    assert_eq!(names(folder.path()), ["a.jpeg", "b.PNG", "c.Tif", "d.tiff", "e.jpg"]);
}

#[test]
fn files_of_one_name_in_two_subfolders_stay_distinct() {
    let folder = folder_with(&["Salt/1.png", "Fault/1.png", "Fault/deep/1.png", "1.png", "Fault-old/1.png"]);
    // By name as a whole, not folder by folder: `-` comes before `/`.
    let sorted = ["1.png", "Fault-old/1.png", "Fault/1.png", "Fault/deep/1.png", "Salt/1.png"];
    assert_eq!(names(folder.path()), sorted);
    for file in list(folder.path()).unwrap() {
        assert_eq!(file.path, folder.path().join(&file.name));
    }
}

#[test]
fn hidden_files_and_folders_are_skipped() {
    let folder = folder_with(&["a.png", ".b.png", "._a.png", ".cache/c.png"]);
    assert_eq!(names(folder.path()), ["a.png"]);
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    use std::os::unix::fs::symlink;
    let folder = folder_with(&["x/1.png", "y/2.png"]);
    symlink(folder.path(), folder.path().join("x/up")).unwrap();
    symlink(folder.path().join("x"), folder.path().join("y/across")).unwrap();
    symlink(folder.path().join("loop"), folder.path().join("loop")).unwrap();
    assert_eq!(names(folder.path()), ["x/1.png", "y/2.png"]);
}

#[cfg(unix)]
#[test]
fn linked_folders_and_files_are_followed() {
    let elsewhere = folder_with(&["tiles/1.png"]);
    let folder = folder_with(&["2.png"]);
    std::os::unix::fs::symlink(elsewhere.path().join("tiles"), folder.path().join("linked")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("tiles/1.png"), folder.path().join("3.png")).unwrap();
    assert_eq!(names(folder.path()), ["2.png", "3.png", "linked/1.png"]);
}

#[test]
fn a_folder_without_images_says_what_is_there() {
    let missing = list(Path::new("no/such/folder")).unwrap_err();
    assert!(matches!(missing, ListError::Missing { .. }), "{missing:?}");
    assert!(missing.to_string().contains("no/such/folder does not exist"), "{missing}");

    let empty = folder_with(&[]);
    assert!(matches!(list(empty.path()), Err(ListError::Empty { .. })));

    let texts = folder_with(&["a.txt", "sub/b.sgy"]);
    let error = list(texts.path()).unwrap_err();
    assert!(matches!(error, ListError::NoImages { files: 2, .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .ends_with("found 2 files, none with an image extension (.png, .jpg, .jpeg, .tif, .tiff)"),
        "{error}"
    );

    let file = texts.path().join("a.txt");
    let error = list(&file).unwrap_err();
    assert!(matches!(error, ListError::NotAFolder { .. }), "{error:?}");
}

#[test]
fn the_same_seed_picks_the_same_tiles_and_another_seed_others() {
    let folder = TempDir::new().unwrap();
    write_class(folder.path(), "Fault", 60);
    write_class(folder.path(), "Salt", 3);
    let first = pick(folder.path(), 5, 42);
    assert_eq!(first, pick(folder.path(), 5, 42));
    assert_ne!(first, pick(folder.path(), 5, 43));
    assert_eq!((first[0].0.as_str(), first[0].1, first[0].2.len()), ("Fault", 60, 5));
    // Fewer tiles than asked for: all of them, each once.
    assert_eq!(first[1], ("Salt".to_owned(), 3, vec![0, 1, 2]));
}

#[test]
fn another_class_changes_no_pick() {
    let folder = TempDir::new().unwrap();
    write_class(folder.path(), "Salt", 40);
    let before = pick(folder.path(), 4, 7);
    write_class(folder.path(), "Channel", 25);
    std::fs::create_dir(folder.path().join("Empty")).unwrap();
    let after = pick(folder.path(), 4, 7);
    assert_eq!(after[2], before[0]);
    assert_eq!(after[1], ("Empty".to_owned(), 0, vec![]));
}

#[test]
fn a_folder_without_classes_is_refused() {
    let limits = DecodeLimits::default();
    let flat = folder_with(&["1.png", "2.png"]);
    let error = pick_tiles_of_classes(flat.path(), 3, 1, &limits).unwrap_err();
    assert!(matches!(error, GalleryError::NoClasses { files: 2, .. }), "{error:?}");
    assert!(error.to_string().contains("found 2 files and no subfolders"), "{error}");

    let hollow = folder_with(&["Fault/notes.txt", "Salt/notes.txt"]);
    let error = pick_tiles_of_classes(hollow.path(), 3, 1, &limits).unwrap_err();
    assert!(matches!(error, GalleryError::NoImages { folders: 2, .. }), "{error:?}");

    let missing = pick_tiles_of_classes(Path::new("no/such"), 3, 1, &limits).unwrap_err();
    assert!(missing.to_string().contains("no/such"), "{missing}");

    // The files in `flat` have no bytes: what was picked and cannot be read is named.
    let broken = folder_with(&["Fault/1.png"]);
    let error = pick_tiles_of_classes(broken.path(), 3, 1, &limits).unwrap_err();
    assert!(error.to_string().contains("1.png is empty"), "{error}");
}
