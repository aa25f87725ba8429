//! The guard against training on what is tested with.

use std::path::Path;

/// Names of the challenge's folders of test data.
const TEST_FOLDERS: [&str; 6] = ["query", "queries", "corpus", "image_corpus", "test", "gold"];

/// What gives a folder away as test data: its own name, that of the folder around it (unless its own says that it is for training), or
/// a class's folder of such a name inside.
#[must_use]
pub fn test_data_at(folder: &Path, classes: &[String]) -> Option<String> {
    let is_test = |name: &str| TEST_FOLDERS.contains(&name.to_lowercase().as_str());
    let absolute = folder.canonicalize().unwrap_or_else(|_| folder.into());
    let name_of = |path: Option<&Path>| Some(path?.file_name()?.to_str()?.to_owned());
    let own = name_of(Some(&absolute));
    let for_training = own.as_ref().is_some_and(|name| name.to_lowercase().starts_with("train"));
    let around = name_of(absolute.parent()).filter(|_| !for_training);
    if let Some(name) = [own, around].into_iter().flatten().find(|name| is_test(name)) {
        return Some(format!("a folder of its path is named {name}"));
    }
    classes.iter().find(|class| is_test(class)).map(|class| format!("it holds a folder named {class}"))
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
    }
}
