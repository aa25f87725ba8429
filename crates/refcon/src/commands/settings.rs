//! The settings of a training on the command line.

use crate::failure::Failure;
use clap::Args;
use refcon_training::config::{ConfigError, PRESETS};
use std::path::{Path, PathBuf};

/// Epochs and batches of a trial, as settings.
pub(super) const TRIAL: [&str; 2] = ["stopping.epochs=2", "stopping.batches=3"];

/// Settings: a file or a recipe, and what of them is said anew.
#[derive(Debug, Args)]
pub(super) struct SettingsArguments {
    /// Settings: a YAML file, or a recipe that comes with the program: challenge-clip, challenge-dinov2, challenge-mae, challenge-vit,
    /// challenge-vit-torchvision [default: a linear head]
    #[arg(value_name = "CONFIG")]
    config: Option<String>,

    /// Folder with one folder of tiles a class (`data.train`)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// CSV with the columns `path` and `near_duplicate_group`: groups are held out whole (`data.groups`)
    #[arg(long, value_name = "CSV")]
    groups: Option<PathBuf>,

    /// `texture`, `compact`, or a checkpoint's folder or file (`encoder`)
    #[arg(long, value_name = "NAME|PATH")]
    encoder: Option<String>,

    /// Where to train: auto, cpu, gpu, gpu:N, cuda, cuda:N; several, as in cuda:0,cuda:1, share every batch (`device`)
    #[arg(long)]
    device: Option<String>,

    /// What to compute in: f32, bf16 or auto (`precision`)
    #[arg(long, value_name = "auto|f32|bf16")]
    precision: Option<String>,

    /// Any other setting, such as `optimiser.learning_rate=3e-4`; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
}

impl SettingsArguments {
    /// The settings, as `parse` understands them; `further` are those of the command's other options.
    pub(super) fn parsed<T>(
        &self,
        further: Vec<String>,
        parse: impl FnOnce(&str, &[String]) -> Result<T, ConfigError>,
    ) -> Result<T, Failure> {
        let mut settings = Vec::new();
        settings.extend(self.data.as_deref().map(|path| path_setting("data.train", path)));
        settings.extend(self.groups.as_deref().map(|path| path_setting("data.groups", path)));
        settings.extend(self.encoder.as_deref().map(|path| path_setting("encoder", Path::new(path))));
        settings.extend(self.device.as_ref().map(|device| format!("device={device}")));
        settings.extend(self.precision.as_ref().map(|precision| format!("precision={precision}")));
        settings.extend(self.settings.iter().cloned());
        settings.extend(further);
        understood(self.config.as_deref(), &PRESETS, &settings, parse)
    }
}

/// What `parse` makes of `given`, a file of settings or one of the recipes, and of the `settings` that are said beside it.
pub(super) fn understood<T>(
    given: Option<&str>,
    recipes: &[(&str, &str)],
    settings: &[String],
    parse: impl FnOnce(&str, &[String]) -> Result<T, ConfigError>,
) -> Result<T, Failure> {
    let Some(given) = given else { return parse("", settings).map_err(Failure::usage) };
    let recipe = recipes.iter().find(|(name, _)| *name == given);
    let text = match (recipe, Path::new(given)) {
        (_, path) if path.is_file() => read(path)?,
        (Some((_, text)), _) => (*text).into(),
        (None, _) => {
            let mut known = vec!["a YAML file"];
            known.extend(recipes.iter().map(|(name, _)| *name));
            let known = known.join(", or ");
            return Err(Failure::input(format!("no settings {given}: expected {known}")));
        }
    };
    parse(&text, settings).map_err(|error| Failure::input(format!("settings {given}: {error}")))
}

/// A path as a setting.
pub(super) fn path_setting(key: &str, path: &Path) -> String {
    format!("{key}={}", serde_json::to_string(path).unwrap_or_default())
}

/// A file of settings.
pub(super) fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::input(format!("cannot read {}: {error}", path.display())))
}
