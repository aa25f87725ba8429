//! Which classes and functions a pickle names, found without interpreting it.
//!
//! A pickle is a program; what it can call stands in it as module and name. A state dict needs a dozen of them, all about
//! tensors. A file that names another is refused before anything else is read.
//!
//! Opcodes as in Python's `pickletools`, protocols 0 to 5.

use super::pytorch::damaged;
use super::{CheckpointError, ElementType};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use zip::ZipArchive;

/// Modules and names that may stand in a checkpoint. None of them is called: tensors are rebuilt by the reader's own code, and
/// the rest are kept as plain values or not at all.
const ALLOWED: [(&str, &[&str]); 16] = [
    ("collections", &["OrderedDict", "defaultdict"]),
    ("builtins", &["set", "frozenset", "dict", "list", "int", "float", "bytearray"]),
    ("__builtin__", &["set", "frozenset", "dict", "list", "int", "float", "long", "bytearray"]),
    ("_codecs", &["encode"]),
    ("argparse", &["Namespace"]),
    ("pathlib", &["PosixPath", "WindowsPath"]),
    ("numpy", &["dtype"]),
    ("numpy.core.multiarray", &["scalar"]),
    ("numpy._core.multiarray", &["scalar"]),
    ("torch", &["Size", "device"]),
    (
        "torch._utils",
        &[
            "_rebuild_tensor",
            "_rebuild_tensor_v2",
            "_rebuild_tensor_v3",
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
        ],
    ),
    ("torch._tensor", &["_rebuild_from_type_v2"]),
    ("torch.nn.parameter", &["Parameter"]),
    ("torch.storage", &["UntypedStorage", "TypedStorage"]),
    ("lightning_fabric.utilities.data", &["AttributeDict"]),
    ("pytorch_lightning.utilities.parsing", &["AttributeDict"]),
];

/// Pickles at the beginning of a file from before PyTorch 1.6: magic number, protocol, system, object, keys of the storages.
const PICKLES_OF_A_LEGACY_FILE: usize = 5;

/// Longest pickle that is looked through, in bytes. It holds names and shapes, not weights.
const LONGEST_PICKLE: u64 = 100 << 20;

/// Longest module or name; longer strings are values.
const LONGEST_NAME: u64 = 1000;

/// Looks through every pickle of a PyTorch file.
///
/// # Errors
/// When the file cannot be read, is neither a ZIP archive with a pickle nor a pickle, or names what no state dict needs.
pub(super) fn check(path: &Path) -> Result<(), CheckpointError> {
    let file = File::open(path).map_err(CheckpointError::io(path))?;
    let mut file = BufReader::new(file);
    let is_archive = file.fill_buf().map_err(CheckpointError::io(path))?.starts_with(b"PK");
    let problem = |problem: Problem| match problem {
        Problem::Global(global) => CheckpointError::Code { path: path.into(), global },
        Problem::Damaged(what) => damaged(path, &what),
    };
    if is_archive {
        return check_archive(file).map_err(problem);
    }
    let mut pickles = file.take(LONGEST_PICKLE);
    for at in 0..PICKLES_OF_A_LEGACY_FILE {
        let more = !pickles.fill_buf().map_err(CheckpointError::io(path))?.is_empty();
        if at > 0 && !more {
            break;
        }
        Scan::default().run(&mut pickles).map_err(problem)?;
    }
    Ok(())
}

fn check_archive(file: BufReader<File>) -> Result<(), Problem> {
    let mut archive = ZipArchive::new(file).map_err(|error| Problem::Damaged(error.to_string()))?;
    let mut found = false;
    for at in 0..archive.len() {
        let entry = archive.by_index(at).map_err(|error| Problem::Damaged(error.to_string()))?;
        if entry.name().map_err(|error| Problem::Damaged(error.to_string()))?.ends_with(".pkl") {
            found = true;
            Scan::default().run(&mut BufReader::new(entry).take(LONGEST_PICKLE))?;
        }
    }
    match found {
        true => Ok(()),
        false => Err(Problem::Damaged("the archive holds no data.pkl".into())),
    }
}

#[derive(Debug)]
enum Problem {
    /// A global that is not allowed, as `module.name`.
    Global(String),
    Damaged(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Damaged("its pickle ends in the middle".into()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

/// What is known of the top of the pickle's stack: only strings that may be a module or a name.
#[derive(Default)]
struct Scan {
    below: Option<String>,
    top: Option<String>,
    memo: HashMap<u64, String>,
    memoised: u64,
}

impl Scan {
    /// Reads one pickle up to its end.
    fn run(mut self, pickle: &mut impl BufRead) -> Result<(), Problem> {
        loop {
            let opcode = number(pickle, 1)? as u8;
            match opcode {
                b'.' => return Ok(()),
                // Module and name on lines of their own.
                b'c' | b'i' => {
                    let (module, name) = (line(pickle)?, line(pickle)?);
                    allow(&module, &name)?;
                    self.push(None);
                }
                // STACK_GLOBAL: module and name are the two topmost strings.
                0x93 => {
                    let (Some(module), Some(name)) = (self.below.take(), self.top.take()) else {
                        return Err(Problem::Global("a name that is computed".into()));
                    };
                    allow(&module, &name)?;
                }
                // EXT1, EXT2, EXT4: classes by a number that Python's process knows.
                0x82..=0x84 => return Err(Problem::Global("a class by its number".into())),
                b'S' | b'V' | b'F' | b'I' | b'L' | b'P' => {
                    let text = line(pickle)?;
                    self.push(
                        Some(text.trim_matches(['\'', '"']).to_owned())
                            .filter(|_| opcode == b'S' || opcode == b'V'),
                    );
                }
                b'U' | 0x8c => self.string(pickle, 1)?,
                b'T' | b'X' => self.string(pickle, 4)?,
                0x8d => self.string(pickle, 8)?,
                b'C' | 0x8a => self.bytes(pickle, 1)?,
                b'B' | 0x8b => self.bytes(pickle, 4)?,
                0x8e | 0x96 => self.bytes(pickle, 8)?,
                b'g' => {
                    let key = line(pickle)?.parse().unwrap_or(u64::MAX);
                    self.get(key);
                }
                b'h' => {
                    let key = number(pickle, 1)?;
                    self.get(key);
                }
                b'j' => {
                    let key = number(pickle, 4)?;
                    self.get(key);
                }
                b'p' => {
                    let key = line(pickle)?.parse().unwrap_or(u64::MAX);
                    self.put(key);
                }
                b'q' => {
                    let key = number(pickle, 1)?;
                    self.put(key);
                }
                b'r' => {
                    let key = number(pickle, 4)?;
                    self.put(key);
                }
                0x94 => self.put(self.memoised),
                b'K' => self.value(pickle, 1)?,
                b'M' => self.value(pickle, 2)?,
                b'J' => self.value(pickle, 4)?,
                b'G' => self.value(pickle, 8)?,
                // PROTO and FRAME touch nothing.
                0x80 => drop(number(pickle, 1)?),
                0x95 => drop(number(pickle, 8)?),
                b'2' => self.push(self.top.clone()),
                b'N' | b'(' | b'}' | b']' | b')' | 0x88 | 0x89 | 0x8f | 0x97 => self.push(None),
                b'0' => self.top = self.below.take(),
                b'1'
                | b'Q'
                | b'R'
                | b'a'
                | b'b'
                | b'd'
                | b'e'
                | b'l'
                | b'o'
                | b's'
                | b't'
                | b'u'
                | 0x81
                | 0x85..=0x87
                | 0x90..=0x92
                | 0x98 => {
                    (self.below, self.top) = (None, None);
                }
                other => {
                    return Err(Problem::Damaged(format!(
                        "it is neither a ZIP archive nor a pickle (opcode {other:#04x})"
                    )));
                }
            }
        }
    }

    fn push(&mut self, value: Option<String>) {
        self.below = std::mem::replace(&mut self.top, value);
    }

    fn get(&mut self, key: u64) {
        self.push(self.memo.get(&key).cloned());
    }

    fn put(&mut self, key: u64) {
        self.memoised += 1;
        match &self.top {
            Some(text) => drop(self.memo.insert(key, text.clone())),
            None => drop(self.memo.remove(&key)),
        }
    }

    fn value(&mut self, pickle: &mut impl BufRead, bytes: usize) -> Result<(), Problem> {
        number(pickle, bytes)?;
        self.push(None);
        Ok(())
    }

    fn bytes(&mut self, pickle: &mut impl BufRead, length_bytes: usize) -> Result<(), Problem> {
        let length = number(pickle, length_bytes)?;
        skip(pickle, length)?;
        self.push(None);
        Ok(())
    }

    fn string(&mut self, pickle: &mut impl BufRead, length_bytes: usize) -> Result<(), Problem> {
        let length = number(pickle, length_bytes)?;
        if length > LONGEST_NAME {
            skip(pickle, length)?;
            self.push(None);
            return Ok(());
        }
        let mut text = vec![0; length as usize];
        pickle.read_exact(&mut text)?;
        self.push(Some(String::from_utf8_lossy(&text).into_owned()));
        Ok(())
    }
}

fn allow(module: &str, name: &str) -> Result<(), Problem> {
    let listed = ALLOWED.iter().any(|(allowed, names)| *allowed == module && names.contains(&name));
    // `torch.FloatStorage`, `torch.float32`: types of elements.
    let element = module == "torch" && (name.ends_with("Storage") || ElementType::torch_name(name));
    match listed || element {
        true => Ok(()),
        false => Err(Problem::Global(format!("{module}.{name}"))),
    }
}

/// A little-endian unsigned number of up to 8 bytes.
fn number(pickle: &mut impl BufRead, bytes: usize) -> Result<u64, Problem> {
    let mut number = [0; 8];
    pickle.read_exact(&mut number[..bytes])?;
    Ok(u64::from_le_bytes(number))
}

fn skip(pickle: &mut impl BufRead, length: u64) -> Result<(), Problem> {
    match io::copy(&mut pickle.take(length), &mut io::sink())? {
        skipped if skipped == length => Ok(()),
        _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}

/// A line without its end. Text that is longer than any name is an error: protocols with such lines hold no weights.
fn line(pickle: &mut impl BufRead) -> Result<String, Problem> {
    let mut line = Vec::new();
    pickle.take(LONGEST_NAME).read_until(b'\n', &mut line)?;
    match line.pop() {
        Some(b'\n') => Ok(String::from_utf8_lossy(&line).into_owned()),
        _ => Err(Problem::Damaged("its pickle ends in the middle of a line".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(pickle: &[u8]) -> Result<(), Problem> {
        Scan::default().run(&mut &*pickle)
    }

    fn global(pickle: &[u8]) -> String {
        match scan(pickle) {
            Err(Problem::Global(name)) => name,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_global_is_found_in_every_spelling() {
        assert_eq!(global(b"\x80\x02cos\nsystem\nq\x00X\x02\x00\x00\x00lsq\x01\x85Rq\x02."), "os.system");
        assert_eq!(global(b"(S'ls'\nios\nsystem\n."), "os.system");
        assert_eq!(global(b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93."), "os.system");
        // The name comes back from the memo.
        assert_eq!(global(b"\x80\x04\x8c\x02os\x94\x8c\x06system\x9400h\x00h\x01\x93."), "os.system");
        // What is thrown away afterwards would have run all the same.
        assert_eq!(global(b"\x80\x02cposix\nsystem\n0}."), "posix.system");
        assert_eq!(global(b"\x80\x02\x82\x01."), "a class by its number");
    }

    #[test]
    fn tensors_and_plain_values_pass() {
        scan(b"\x80\x02}q\x00X\x01\x00\x00\x00acollections\nOrderedDict\n)Rs.").unwrap();
        scan(b"\x80\x02ctorch\nFloatStorage\nctorch\nfloat32\n.").unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = scan(&bytes);
        }
    }
}
