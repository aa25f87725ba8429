//! From a configuration to everything that training needs, checked before the first step.

use super::network::{Base, Network};
use super::task::{self, MetricLearning};
use crate::TEXTURE;
use crate::config::{Config, Criterion, HeadChoice, Sampling};
use crate::dataset::{
    Dataset, DatasetError, GroupTable, Groups, LabelledFolder, Manifest, TileCache, split, test_data_at,
};
use crate::error::TrainError;
use crate::fit::{Plan, open_devices};
use crate::triplets::validation_triplets;
use burn::tensor::Device;
use refcon_encoders::{
    COMPACT, EncoderFile, EncoderId, Head, Headed, Pretrained, Texture, is_shipped, open_head,
};
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
    /// The encoder that training starts from, with the head that it may have.
    pub started_from: EncoderId,
    /// Whether that head makes room for another, or for none.
    pub replaces_head: bool,
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
    let opened = Opened::of(&mut config)?;
    let started_from = opened.id();
    let Opened { base, head, mut test_data, precision, devices } = opened;
    for folder in trained_on {
        if !test_data.contains(&folder) {
            test_data.push(folder);
        }
    }
    check_choices(&config, &base, &dataset)?;
    let replaces_head = head.is_some() && config.head != (HeadChoice::Auto {});
    let network = Network::initial(&config, &base, head, dataset.classes.len())?;
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
        devices: devices.into_iter().map(Device::autodiff).collect(),
        base,
        dataset,
    };
    // Before there is a run: one that met such a tile would be left half done.
    task.cache.check(&task.dataset)?;
    if task::embeds_once(&config) {
        task.embedded = Some(task.embed_once()?);
    }
    Ok(Prepared {
        config,
        task,
        network,
        manifest,
        test_data,
        precision,
        ungrouped,
        started_from,
        replaces_head,
    })
}

/// The encoder that a configuration's training would start from, with the head that it may have. Its path becomes absolute.
///
/// # Errors
/// When it cannot be opened.
pub fn started_from(config: &mut Config) -> Result<EncoderId, TrainError> {
    Opened::of(config).map(|opened| opened.id())
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

/// The encoder that training starts from.
struct Opened {
    base: Base,
    /// The head that it has.
    head: Option<Head>,
    /// Folders of test data that it was trained on.
    test_data: Vec<String>,
    /// What it computes in.
    precision: String,
    /// Where it is trained; the model lies on the first.
    devices: Vec<Device>,
}

impl Opened {
    fn id(&self) -> EncoderId {
        let base = self.base.encoder().id();
        self.head.as_ref().map_or_else(|| base.clone(), |head| Headed::id_of(base, head))
    }

    fn of(config: &mut Config) -> Result<Self, TrainError> {
        if config.encoder == TEXTURE {
            let base = Base::Texture(Texture::new());
            let (precision, devices) = ("f32".into(), Vec::new());
            return Ok(Self { base, head: None, test_data: Vec::new(), precision, devices });
        }
        let mut path = PathBuf::from(&config.encoder);
        if !is_shipped(&path) {
            if !path.exists() {
                return Err(TrainError::Setting(format!(
                    "no encoder {}: no such folder or file is here, and nothing is downloaded. A recipe's encoder is a checkpoint of \
                     yours: give the folder that its weights lie in, --encoder FOLDER (see `refcon encoders`); `{COMPACT}` and \
                     `{TEXTURE}` come with the program",
                    config.encoder
                )));
            }
            path = absolute(&path);
        }
        let file = EncoderFile::beside(&path)?;
        let (base, precision, devices) = match file.base {
            Some(refcon_encoders::Base::Texture) => {
                (Base::Texture(Texture::new()), "f32".to_owned(), Vec::new())
            }
            None => {
                let (devices, execution) = open_devices(&config.device, &config.precision)?;
                let pretrained = Pretrained::open_to_train(&path, None, &devices[0], execution)?;
                (Base::Pretrained(Box::new(pretrained)), execution.name().to_owned(), devices)
            }
        };
        let head = open_head(&path, base.encoder(), &base.device(&config.tuning))?;
        config.encoder = path.display().to_string();
        Ok(Self { base, head, test_data: file.trained_on_test_data, precision, devices })
    }
}

fn check_choices(config: &Config, base: &Base, dataset: &Dataset) -> Result<(), TrainError> {
    match base {
        Base::Texture(_) => config.check_texture("the texture descriptor")?,
        Base::Pretrained(pretrained) if pretrained.texture_share().is_some() => {
            config.check_texture("an encoder that joins the texture descriptor to a model")?;
        }
        Base::Pretrained(_) => {}
    }
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

/// The path from the root, whether there is such a file or not; links stay what they are, since tables name files by them.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}
