//! Where a survey lies: on this machine, or in an object store.

use super::SurveyError;
use super::object_source::{ObjectSource, wait};
use crate::segy::{FileSource, ReadAt};
use bytes::Bytes;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, ObjectStore};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file or folder of this machine, or what stands for one in an object store.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Local(PathBuf),
    Stored { store: Arc<dyn ObjectStore>, path: ObjectPath },
}

/// What lies directly in a folder.
#[derive(Debug, Default)]
pub(super) struct Children {
    pub(super) files: Vec<String>,
    pub(super) folders: Vec<String>,
}

impl Place {
    /// The place that `path` names: a path of this machine, or a `file://` URL of one.
    pub(super) fn of(path: &Path) -> Result<Self, SurveyError> {
        let Some((scheme, _)) = path.to_str().and_then(|text| text.split_once("://")) else {
            return Ok(Self::Local(path.to_owned()));
        };
        let parsed = path.to_str().and_then(|text| url::Url::parse(text).ok());
        match parsed.filter(|url| url.scheme() == "file").and_then(|url| url.to_file_path().ok()) {
            Some(local) => Ok(Self::Local(local)),
            None => Err(SurveyError::Scheme { path: path.to_owned(), scheme: scheme.to_owned() }),
        }
    }

    /// Its path, as messages show it.
    pub(super) fn shown(&self) -> PathBuf {
        match self {
            Self::Local(path) => path.clone(),
            Self::Stored { store, path } => PathBuf::from(format!("{store}/{path}")),
        }
    }

    /// The place called `name` in this folder.
    pub(super) fn child(&self, name: &str) -> Self {
        match self {
            Self::Local(path) => Self::Local(path.join(name)),
            Self::Stored { store, path } => {
                let path = name.split('/').fold(path.clone(), ObjectPath::join);
                Self::Stored { store: Arc::clone(store), path }
            }
        }
    }

    /// Opens the file for reading.
    pub(super) fn open(&self) -> io::Result<Box<dyn ReadAt>> {
        match self {
            // Asked first, because not every system says of a folder that it is one when it is opened as a file.
            Self::Local(path) if path.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Self::Local(path) => Ok(Box::new(FileSource::open(path)?)),
            Self::Stored { store, path } => Ok(Box::new(ObjectSource::at(Arc::clone(store), path.clone())?)),
        }
    }

    /// Whether what [`Place::open`] said leaves it open that this is a folder: to a store, folders are beginnings of names.
    pub(super) fn may_be_folder(&self, error: &io::Error) -> bool {
        match self {
            Self::Local(_) => error.kind() == io::ErrorKind::IsADirectory,
            Self::Stored { .. } => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// As [`Place::open`]; `None` where there is no such file, and no question whether it is a folder.
    pub(super) fn open_if_there(&self) -> io::Result<Option<Box<dyn ReadAt>>> {
        let opened: io::Result<Box<dyn ReadAt>> = match self {
            Self::Local(path) => FileSource::open(path).map(|file| Box::new(file) as _),
            Self::Stored { store, path } => {
                ObjectSource::at(Arc::clone(store), path.clone()).map(|object| Box::new(object) as _)
            }
        };
        match opened {
            Ok(source) => Ok(Some(source)),
            // A name below a file is no file either.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The bytes of a small file, or a part of them, at once; `None` where there is no such file. More than `most` bytes
    /// are refused before anything is read.
    pub(super) fn fetch(&self, range: Option<GetRange>, most: u64) -> io::Result<Option<Bytes>> {
        let within = move |length: u64| {
            if length <= most {
                return Ok(length);
            }
            let problem = format!("it has {length} bytes to be read at once, expected at most {most}");
            Err(io::Error::new(io::ErrorKind::InvalidData, problem))
        };
        match self {
            Self::Local(_) => {
                let Some(file) = self.open_if_there()? else { return Ok(None) };
                let span = match range {
                    None => 0..file.len(),
                    Some(GetRange::Bounded(span)) => span,
                    Some(GetRange::Offset(start)) => start..file.len(),
                    Some(GetRange::Suffix(length)) => file.len().saturating_sub(length)..file.len(),
                };
                if span.end > file.len() || span.start > span.end {
                    let problem =
                        format!("it has {} bytes, {} to {} are needed", file.len(), span.start, span.end);
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem));
                }
                let mut bytes = vec![0; within(span.end - span.start)? as usize];
                file.read_exact_at(&mut bytes, span.start)?;
                Ok(Some(bytes.into()))
            }
            Self::Stored { store, path } => {
                let (store, path) = (Arc::clone(store), path.clone());
                let wanted = match &range {
                    Some(GetRange::Bounded(span)) => Some(span.end.saturating_sub(span.start)),
                    _ => None,
                };
                let fetched = wait(async move {
                    let options = GetOptions { range, ..GetOptions::default() };
                    let answer = store.get_opts(&path, options).await?;
                    let length = answer.range.end - answer.range.start;
                    Ok(match within(length) {
                        Ok(_) => Ok(answer.bytes().await?),
                        Err(error) => Err(error),
                    })
                });
                let bytes = match fetched {
                    Ok(bytes) => bytes?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(error) => return Err(error),
                };
                // Stores answer a range past the end with what there is.
                if wanted.is_some_and(|wanted| wanted != bytes.len() as u64) {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(Some(bytes))
            }
        }
    }

    /// The names in the folder, unordered.
    pub(super) fn children(&self) -> io::Result<Children> {
        let mut children = Children::default();
        match self {
            Self::Local(path) => {
                for entry in std::fs::read_dir(path)? {
                    let entry = entry?;
                    // Names that are no text name nothing that is looked for.
                    let Ok(name) = entry.file_name().into_string() else { continue };
                    // Through links, as opening goes.
                    let is_folder = std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
                    if is_folder { children.folders.push(name) } else { children.files.push(name) }
                }
            }
            Self::Stored { store, path } => {
                let (store, path) = (Arc::clone(store), path.clone());
                let listed = wait(async move { store.list_with_delimiter(Some(&path)).await })?;
                let name = |path: &ObjectPath| path.filename().map(str::to_owned);
                children.files.extend(listed.objects.iter().filter_map(|object| name(&object.location)));
                children.folders.extend(listed.common_prefixes.iter().filter_map(name));
            }
        }
        Ok(children)
    }
}

impl Children {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }
}
