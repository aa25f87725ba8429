//! From a configuration to everything that training needs, checked before the first step.

use super::network::{Base, Network};
use super::task::{self, MetricLearning};
use crate::TEXTURE;
use crate::config::{Config, Criterion, Sampling};
use crate::dataset::{
    Dataset, DatasetError, GroupTable, Groups, LabelledFolder, Manifest, TileCache, split, test_data_at,
};
use crate::error::TrainError;
use crate::fit::Plan;
use crate::triplets::validation_triplets;
use refcon_encoders::{DeviceChoice, EncoderFile, Precision, Pretrained, Texture};
use std::path::{Path, PathBuf};

/// A training that is ready to begin, or to go on.
#[derive(Debug)]
pub struct Prepared {
    /// The settings, with absolute paths.
    pub config: Config,
    /// What is trained on.
    pub task: MetricLearning,
    /// What is trained.
    pub network: Network,
    /// What it was given.
    pub manifest: Manifest,
    /// Folders of test data that it trains on, or that its encoder was trained on.
    pub test_data: Vec<String>,
    /// What the model computes in.
    pub precision: String,
    /// Tiles that the groups' table leaves out.
    pub ungrouped: usize,
}

/// The labelled tiles of a configuration, split.
#[derive(Debug)]
pub struct ReadTiles {
    /// The tiles.
    pub dataset: Dataset,
    /// The table of groups, where there is one.
    pub groups: Option<GroupTable>,
    /// Folders of test data among them.
    pub test_data: Vec<String>,
    /// Tiles that the groups' table leaves out.
    pub ungrouped: usize,
}

/// Lists and splits the tiles. Paths of the configuration become absolute.
///
/// # Errors
/// When the tiles cannot be used; test data is refused unless `allow_test_data`.
pub fn read_tiles(config: &mut Config, allow_test_data: bool) -> Result<ReadTiles, TrainError> {
    let Some(train) = config.data.train.clone() else {
        return Err(TrainError::Setting(
            "data.train is not set: --data names the folder with one folder of tiles a class".into(),
        ));
    };
    let folder = LabelledFolder::open(&train)?;
    let mut test_data = Vec::new();
    let mut refuse = |found: Option<(PathBuf, String)>| match found {
        Some((folder, sign)) if !allow_test_data => Err(DatasetError::TestData { folder, sign }),
        found => {
            test_data.extend(found.map(|(folder, _)| absolute(&folder).display().to_string()));
            Ok(())
        }
    };
    refuse(test_data_at(&train, &folder.classes).map(|sign| (train.clone(), sign)))?;
    let data = &mut config.data;
    data.train = Some(absolute(&train));
    data.groups = data.groups.as_deref().map(absolute);
    data.added = data.added.as_deref().map(absolute);
    let table = match &data.groups {
        None => None,
        Some(table) => Some(GroupTable::read(table, &data.group_column, &[&folder.folder])?),
    };
    let groups = match &table {
        None => Groups { ungrouped: 0, ..Groups::apart(folder.tiles.len()) },
        Some(table) => Groups::of(table, &folder)?,
    };
    let mut dataset = split(folder, &groups, data.validation_share, config.seed)?;
    if let Some(added) = &data.added {
        dataset.add(added, table.as_ref())?;
        refuse(dataset.added_test_data())?;
    }
    Ok(ReadTiles { dataset, groups: table, test_data, ungrouped: groups.ungrouped })
}

/// Opens the encoder, lists, splits and hashes the tiles, and makes the network.
///
/// # Errors
/// When settings, tiles or encoder cannot be used; test data is refused unless `allow_test_data`.
pub fn prepare(mut config: Config, allow_test_data: bool) -> Result<Prepared, TrainError> {
    let ReadTiles { dataset, test_data: trained_on, ungrouped, .. } =
        read_tiles(&mut config, allow_test_data)?;
    let manifest = Manifest::of(&dataset)?;
    let (base, mut test_data, precision) = open_base(&mut config)?;
    for folder in trained_on {
        if !test_data.contains(&folder) {
            test_data.push(folder);
        }
    }
    check_choices(&config, &dataset)?;
    let network = Network::initial(&config, &base, dataset.classes.len())?;
    let excluded = match &config.sampling {
        Sampling::Triplets { exclude_anchor_classes, .. } => exclude_anchor_classes.as_slice(),
        _ => &[],
    };
    let mut task = MetricLearning {
        validation: validation_triplets(&dataset, excluded, config.seed),
        library: task::library(&dataset, config.validation.library_tiles, config.seed),
        sampler: task::sampler(&config, &dataset),
        cache: TileCache::new(dataset.tiles.len()),
        embedded: None,
        title: String::new(),
        test_data: test_data.clone(),
        config: config.clone(),
        base,
        dataset,
    };
    if task::embeds_once(&config) {
        task.embedded = Some(task.embed_once()?);
    }
    Ok(Prepared { config, task, network, manifest, test_data, precision, ungrouped })
}

/// How the loop goes for a configuration.
#[must_use]
pub fn plan(config: &Config) -> Plan {
    let (measure, smaller_is_better) = match config.validation.choose_by {
        Criterion::TripletLoss => ("validation/triplet_loss", true),
        Criterion::MapAtR => ("validation/map_at_r", false),
        Criterion::RPrecision => ("validation/r_precision", false),
        Criterion::PrecisionAt1 => ("validation/precision_at_1", false),
    };
    Plan {
        optimiser: config.optimiser.clone(),
        schedule: config.schedule.clone(),
        stopping: config.stopping.clone(),
        validate_every: config.validation.every_epochs,
        measure: measure.into(),
        smaller_is_better,
        checkpoint_every: config.checkpoint_every_steps,
    }
}

/// The encoder that training starts from, the test data that it was trained on, and what it computes in.
fn open_base(config: &mut Config) -> Result<(Base, Vec<String>, String), TrainError> {
    if config.encoder == TEXTURE {
        return Ok((Base::Texture(Texture::new()), Vec::new(), "f32".into()));
    }
    let setting = |key: &str, error: &dyn std::fmt::Display| TrainError::Setting(format!("{key}: {error}"));
    let path = PathBuf::from(&config.encoder);
    if !path.exists() {
        return Err(TrainError::Setting(format!(
            "no encoder {}: expected `{TEXTURE}`, or the path of a checkpoint (a folder or a file, see `refcon encoders`)",
            config.encoder
        )));
    }
    let path = absolute(&path);
    let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(Path::new("")) };
    let file = EncoderFile::read(folder)?;
    if file.head.is_some() {
        return Err(TrainError::Setting(format!(
            "{} has a head already, and a head is trained anew: give the encoder that it was trained from (`encoder` in the config.yml \
             of its run)",
            path.display()
        )));
    }
    let device: DeviceChoice = config.device.parse().map_err(|error| setting("device", &error))?;
    let device = device.open().map_err(|error| setting("device", &error))?;
    let precision: Precision = config.precision.parse().map_err(|error| setting("precision", &error))?;
    let execution = precision.on(&device).map_err(|error| setting("precision", &error))?;
    let pretrained = Pretrained::open_to_train(&path, None, &device, execution)?;
    config.encoder = path.display().to_string();
    let tier = execution.name().to_owned();
    Ok((Base::Pretrained(Box::new(pretrained)), file.trained_on_test_data, tier))
}

fn check_choices(config: &Config, dataset: &Dataset) -> Result<(), TrainError> {
    if let Sampling::Triplets { exclude_anchor_classes, .. } = &config.sampling
        && crate::triplets::anchors(dataset, &dataset.training, exclude_anchor_classes).is_empty()
    {
        return Err(TrainError::Setting(format!(
            "no anchors are left: sampling.exclude_anchor_classes is {exclude_anchor_classes:?}, and the classes are {}",
            dataset.classes.join(", ")
        )));
    }
    Ok(())
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.into())
}
