//! A scratch folder, the program, and small tiles to give it.

use refcon_image::GreyImage;
use refcon_image::figure::encode_png;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Scratch {
    folder: tempfile::TempDir,
}

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `refcon` in the scratch folder.
    pub(crate) fn refcon(&self, arguments: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_refcon"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .output()
            .unwrap();
        Run {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A tile of reflectors of the given period and dip.
    pub(crate) fn tile(&self, name: &str, period: f32, dip: f32) {
        self.write(name, &reflectors(period, dip));
    }

    pub(crate) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// Every file below the scratch folder, by its name there.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.folder.path()).unwrap();
                    files.push(name.to_str().unwrap().replace('\\', "/"));
                }
            }
        }
        files.sort();
        files
    }
}

impl Run {
    /// The one line of the error.
    #[track_caller]
    pub(crate) fn failed_with(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        let errors: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "one line of error: {self:?}");
        for says in says {
            assert!(errors[0].contains(says), "{says:?} is not in {:?}", errors[0]);
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
    }

    /// What the parser of the command line refuses, in as many lines as it needs.
    #[track_caller]
    pub(crate) fn usage_error(&self, says: &[&str]) {
        assert_eq!(self.code, 2, "{self:?}");
        for says in says {
            assert!(self.stderr.contains(says), "{says:?} is not in {:?}", self.stderr);
        }
    }

    #[track_caller]
    pub(crate) fn done(&self) -> &Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }
}

pub(crate) fn reflectors(period: f32, dip: f32) -> Vec<u8> {
    let level = |at: usize| {
        let (x, y) = ((at % 48) as f32, (at / 48) as f32);
        0.5 + 0.4 * (std::f32::consts::TAU * (y - dip * x) / period).sin()
    };
    encode_png(&GreyImage::new(48, 48, (0..48 * 48).map(level).collect()).unwrap())
}

/// A PNG file that says it has `side × side` pixels and holds none of them.
pub(crate) fn png_that_claims(side: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(side.to_be_bytes());
    header.extend(side.to_be_bytes());
    header.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(13u32.to_be_bytes());
    file.extend(&header);
    file.extend(checksum(&header).to_be_bytes());
    file
}

/// CRC-32 as in the PNG specification, annex D.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc: u32, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// A folder of the real data, where it is at hand.
pub(crate) fn field_data(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("REFCON_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = data.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no {}; REFCON_TEST_DATA may name the folder that holds {name}", folder.display());
    None
}
