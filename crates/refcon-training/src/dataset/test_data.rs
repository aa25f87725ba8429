//! The guard against training on what is tested with.

use std::path::Path;

/// Names of the challenge's folders of test data.
const TEST_FOLDERS: [&str; 6] = ["query", "queries", "corpus", "image_corpus", "test", "gold"];

/// What gives a folder away as test data: its own name, that of the folder around it (unless its own says that it is for training), or
/// a class's folder of such a name inside.
#[must_use]
pub fn test_data_at(folder: &Path, classes: &[String]) -> Option<String> {
    let inside = || classes.iter().find(|class| is_test(class));
    test_data_above(folder, 2).or_else(|| Some(format!("it holds a folder named {}", inside()?)))
}

/// Whether one of the last `most` names of a folder's path is that of test data: from the last one up to a folder whose name says that it
/// is for training.
pub(crate) fn test_data_above(folder: &Path, most: usize) -> Option<String> {
    let absolute = folder.canonicalize().unwrap_or_else(|_| folder.into());
    let names = absolute.ancestors().filter_map(|path| path.file_name()?.to_str()).take(most);
    let mut names = names.take_while(|name| !name.to_lowercase().starts_with("train"));
    Some(format!("a folder of its path is named {}", names.find(|name| is_test(name))?))
}

fn is_test(name: &str) -> bool {
    TEST_FOLDERS.contains(&name.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenges_test_folders_are_known_and_training_folders_are_none() {
        let classes = ["Salt".to_owned(), "Fault".to_owned()];
        assert!(test_data_at(Path::new("/data/test/query"), &classes).is_some());
        assert!(test_data_at(Path::new("/data/Image_Corpus"), &classes).is_some());
        assert!(test_data_at(Path::new("/data"), &["query".into(), "x".into()]).is_some());
        assert!(test_data_at(Path::new("/data/train"), &classes).is_none());
        assert!(test_data_at(Path::new("/projects/test/train"), &classes).is_none());
        let inline = Path::new("/data/image_corpus/line1/inline");
        assert!(test_data_at(inline, &[]).is_none() && test_data_above(inline, usize::MAX).is_some());
        assert!(test_data_above(Path::new("/projects/test/train/line1"), usize::MAX).is_none());
    }
}
