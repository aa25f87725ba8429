//! The surveys that the server knows: those of the library, and those that lie in the configured folders.

mod clip;
mod discovery;
mod handlers;
mod view;

pub(crate) use handlers::routes;
pub(crate) use view::domain_name;
pub use view::{Axis, Clip, GeometryView, Samples, SurveyView};

use crate::blocking::Once;
use crate::error::ApiError;
use crate::security::folders::Folders;
use refcon_library::Snapshot;
use refcon_library::store::{Source, SourceKind, SurveyAccess};
use refcon_seismic::{Survey, SurveyOptions};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What a survey file is opened with where nothing else is known of it.
pub type OptionsOf = fn(&Path) -> SurveyOptions;

/// All surveys, in the order in which they are listed.
#[derive(Debug)]
pub(crate) struct Surveys {
    folders: Folders,
    options_of: OptionsOf,
    entries: RwLock<Arc<Vec<Arc<Entry>>>>,
    /// The library's commit that was looked at last.
    looked_at: AtomicU64,
}

/// A survey that may or may not be reachable.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What requests call it.
    pub(crate) id: String,
    /// What the library and people call it.
    pub(crate) name: String,
    /// Its file or folder, where one was found.
    path: Option<PathBuf>,
    /// Where the library says that it lay.
    recorded: Option<PathBuf>,
    kind: Option<SourceKind>,
    access: Option<SurveyAccess>,
    options: SurveyOptions,
    opened: Arc<Once<Arc<OpenSurvey>>>,
}

/// A survey that is open.
#[derive(Debug)]
pub(crate) struct OpenSurvey {
    pub(crate) survey: Survey,
    pub(crate) clip: Clip,
}

impl Surveys {
    pub(crate) fn new(folders: Folders, options_of: OptionsOf, snapshot: &Snapshot) -> Self {
        let surveys = Self { folders, options_of, entries: RwLock::default(), looked_at: AtomicU64::new(0) };
        surveys.refresh(snapshot);
        surveys
    }

    /// The folders that surveys are looked for in.
    pub(crate) fn folders(&self) -> &Folders {
        &self.folders
    }

    /// What a file is opened with of which the library says nothing.
    pub(crate) fn options_of(&self, path: &Path) -> SurveyOptions {
        (self.options_of)(path)
    }

    pub(crate) fn all(&self) -> Arc<Vec<Arc<Entry>>> {
        Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// All, looked at again if the library has changed, which other programs may have done.
    pub(crate) fn after_change(&self, snapshot: &Snapshot) -> Arc<Vec<Arc<Entry>>> {
        if self.looked_at.load(Ordering::Relaxed) != snapshot.commit() {
            self.refresh(snapshot);
        }
        self.all()
    }

    /// Looks again at what there is. Surveys that are open stay open; those that could not be opened are tried again.
    pub(crate) fn refresh(&self, snapshot: &Snapshot) {
        self.looked_at.store(snapshot.commit(), Ordering::Relaxed);
        let found = discovery::surveys_in(&self.folders);
        let known = self.all();
        let mut entries: Vec<Arc<Entry>> = Vec::new();
        let mut ids = HashSet::new();
        let mut add = |mut entry: Entry| {
            entry.id = unused_id(&entry.name, &mut ids);
            let same = |old: &&Arc<Entry>| {
                old.id == entry.id && old.path == entry.path && old.options == entry.options
            };
            let failed = |old: &Entry| matches!(old.opened.now(), Some(Err(_)));
            if let Some(old) = known.iter().find(same).filter(|old| !failed(old)) {
                entry.opened = Arc::clone(&old.opened);
            }
            entries.push(Arc::new(entry));
        };
        let mut of_library = HashSet::new();
        let mut names = HashSet::new();
        for source in snapshot.sources() {
            if source.kind != SourceKind::Embeddings && names.insert(&source.name) {
                let entry = self.entry_of(source, &found);
                of_library.extend(entry.path.clone());
                add(entry);
            }
        }
        for path in found.iter().filter(|path| !of_library.contains(*path)) {
            add(Entry {
                id: String::new(),
                name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
                path: Some(path.clone()),
                recorded: None,
                kind: None,
                access: None,
                options: self.options_of(path),
                opened: Arc::new(Once::new()),
            });
        }
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(entries);
    }

    /// A source of the library, where the library says it lies, or where a file of its name was found.
    fn entry_of(&self, source: &Source, found: &[PathBuf]) -> Entry {
        let there = source.path.canonicalize().ok();
        let moved = || found.iter().find(|path| path.file_name() == source.path.file_name()).cloned();
        let path = there.or_else(moved).filter(|_| source.kind == SourceKind::Survey);
        let mut options = source.survey.as_ref().map(|access| access.options.clone()).unwrap_or_default();
        if let Some(path) = &path {
            // The library does not say where this machine keeps indices of trace headers.
            options.segy.index = self.options_of(path).segy.index;
        }
        Entry {
            id: String::new(),
            name: source.name.clone(),
            path,
            recorded: Some(source.path.clone()),
            kind: Some(source.kind),
            access: source.survey.clone(),
            options,
            opened: Arc::new(Once::new()),
        }
    }

    /// The survey that a request calls `id`.
    pub(crate) fn by_id(&self, id: &str) -> Result<Arc<Entry>, ApiError> {
        let entries = self.all();
        entries.iter().find(|entry| entry.id == id).cloned().ok_or_else(|| {
            ApiError::not_found(format_args!("there is no survey {id:?}")).hint("/api/surveys lists them")
        })
    }

    /// The survey that the library calls `name`.
    pub(crate) fn by_name(&self, name: &str) -> Option<Arc<Entry>> {
        self.all().iter().find(|entry| entry.name == name).cloned()
    }

    /// What requests call the survey that the library calls `name`; its name, where the library says nothing more of it.
    pub(crate) fn id_of(&self, name: &str) -> String {
        self.by_name(name).map_or_else(|| name.to_owned(), |entry| entry.id.clone())
    }
}

impl Entry {
    /// The survey, opened by whoever asks first.
    pub(crate) async fn open(&self) -> Result<Arc<OpenSurvey>, ApiError> {
        let Some(path) = self.path.clone() else { return Err(self.unreachable()) };
        let options = self.options.clone();
        self.opened
            .get(move || {
                let survey = Survey::open(&path, &options).map_err(ApiError::internal)?;
                let clip = clip::of(&survey).map_err(ApiError::internal)?;
                Ok(Arc::new(OpenSurvey { survey, clip }))
            })
            .await
    }

    /// Its file, and what it is opened with.
    pub(crate) fn file(&self) -> Result<(PathBuf, SurveyOptions), ApiError> {
        let path = self.path.clone().ok_or_else(|| self.unreachable())?;
        Ok((path, self.options.clone()))
    }

    /// The survey if it is open.
    pub(crate) fn now(&self) -> Option<Result<Arc<OpenSurvey>, ApiError>> {
        match self.path {
            Some(_) => self.opened.now(),
            None => Some(Err(self.unreachable())),
        }
    }

    /// How the library made its amplitudes grey.
    pub(crate) fn access(&self) -> Option<&SurveyAccess> {
        self.access.as_ref()
    }

    /// Whether it is a folder of images: tiles come from it, and it has no sections.
    pub(crate) fn is_folder(&self) -> bool {
        self.kind == Some(SourceKind::Images)
    }

    fn unreachable(&self) -> ApiError {
        let path = self.recorded.as_deref().unwrap_or(Path::new("")).display();
        if self.is_folder() {
            return ApiError::not_found(format_args!(
                "{} is a folder of images: it has no sections",
                self.name
            ));
        }
        ApiError::not_found(format_args!("the survey {} does not lie at {path} any more", self.name))
            .hint("start the server with --survey-folder, the folder that it lies in now")
    }
}

/// An id for addresses, of small letters, digits, `-`, `_` and `.`, that no other survey has.
fn unused_id(name: &str, used: &mut HashSet<String>) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain: String = name.chars().map(|c| if allowed(c) { c.to_ascii_lowercase() } else { '-' }).collect();
    let plain = plain.trim_matches(['-', '.']);
    let plain = if plain.is_empty() { "survey" } else { plain };
    let mut id = plain.to_owned();
    let mut number = 2_u32;
    while !used.insert(id.clone()) {
        id = format!("{plain}-{number}");
        number += 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_and_tell_surveys_apart() {
        let mut used = HashSet::new();
        let ids = ["F3 Demo", "f3 demo", "../etc", "Größe", "…", "f3-inlines-110-111"];
        let ids: Vec<String> = ids.iter().map(|name| unused_id(name, &mut used)).collect();
        assert_eq!(ids, ["f3-demo", "f3-demo-2", "etc", "gr--e", "survey", "f3-inlines-110-111"]);
    }
}
