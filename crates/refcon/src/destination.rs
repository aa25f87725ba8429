//! Files that a command is to write: whether they can be, before an hour's work is done for nothing.

use crate::failure::Failure;
use refcon_library::files;
use std::path::{Path, PathBuf};

/// Makes sure that outputs can be written, each to a file of its own, and that none takes the place of something that the command reads,
/// or of an image.
pub(crate) fn check<'a>(
    outputs: impl IntoIterator<Item = &'a PathBuf>,
    inputs: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<(), Failure> {
    let inputs: Vec<&PathBuf> = inputs.into_iter().collect();
    let mut earlier: Vec<&PathBuf> = Vec::new();
    for path in outputs {
        if earlier.iter().any(|earlier| same(earlier, path)) {
            return Err(Failure::usage(format!(
                "{} is given for two outputs; give each its own file",
                path.display()
            )));
        }
        if inputs.iter().any(|input| same(input, path)) {
            return Err(Failure::usage(format!(
                "{} is read, and would be overwritten; give the output another name",
                path.display()
            )));
        }
        if refcon_image::is_image_name(path) {
            return Err(Failure::usage(format!(
                "{} has the name of an image, which it would replace; give a name with the ending of what is written",
                path.display()
            )));
        }
        files::check_writable(path).map_err(Failure::output)?;
        earlier.push(path);
    }
    Ok(())
}

/// The table that is written beside a file of numbers and says which row is which tile. One that is there without such a file belongs to
/// something else.
pub(crate) fn table_beside(output: &Path) -> Result<PathBuf, Failure> {
    let table = output.with_extension("csv");
    if table.exists() && !output.exists() {
        return Err(Failure::usage(format!(
            "{} is there already, and would be replaced by the names of the rows; choose another name for -o",
            table.display()
        )));
    }
    Ok(table)
}

fn same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_no_input_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let gold = folder.path().join("gold.csv");
        std::fs::write(&gold, "part,file,label\n").unwrap();
        let roundabout = folder.path().join(".").join("gold.csv");
        let other = folder.path().join("table.csv");
        let refused = |outputs: &[PathBuf]| check(outputs, [&gold]).unwrap_err().to_string();
        assert!(refused(&[roundabout]).contains("is read"));
        assert!(refused(&[other.clone(), other.clone()]).contains("two outputs"));
        check([&other], [&gold]).unwrap();
    }

    #[test]
    fn a_table_of_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("notes.npy");
        assert_eq!(table_beside(&output).unwrap(), folder.path().join("notes.csv"));
        std::fs::write(folder.path().join("notes.csv"), "mine").unwrap();
        assert!(table_beside(&output).unwrap_err().to_string().contains("notes.csv is there already"));
        std::fs::write(&output, "").unwrap();
        table_beside(&output).unwrap();
    }
}
