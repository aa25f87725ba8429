//! Surveys in object stores read as the same files do on this machine.

use crate::fixtures::{Scratch, all_traces, files_below, golden, npy};
use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use refcon_seismic::segy::{
    ByteOrder, Container, OpenOptions, ReadAt, SampleFormat, WriteOptions, write_volume,
};
use refcon_seismic::survey::{ArrayShape, RawArray};
use refcon_seismic::{
    BinGrid, Direction, Domain, LineAxis, ObjectSource, SampleAxis, Survey, SurveyError, SurveyOptions,
    Volume,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store in memory that counts the bytes it hands out, and may refuse to list folders as web servers do.
#[derive(Debug, Default)]
struct Counting {
    store: InMemory,
    bytes: AtomicU64,
    lists_nothing: bool,
}

impl std::fmt::Display for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("memory")
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(
        &self,
        path: &ObjectPath,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        self.store.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &ObjectPath,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &ObjectPath, options: GetOptions) -> object_store::Result<GetResult> {
        let head = options.head;
        let answer = self.store.get_opts(path, options).await?;
        if !head {
            self.bytes.fetch_add(answer.range.end - answer.range.start, Ordering::Relaxed);
        }
        Ok(answer)
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, object_store::Result<ObjectPath>>,
    ) -> BoxStream<'static, object_store::Result<ObjectPath>> {
        self.store.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> object_store::Result<ListResult> {
        if self.lists_nothing {
            return Err(object_store::Error::NotImplemented {
                operation: "list".to_owned(),
                implementer: self.to_string(),
            });
        }
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

impl Counting {
    fn fill(&self, path: &str, bytes: Vec<u8>) {
        let path = ObjectPath::from(path);
        let put = self.store.put(&path, bytes.into());
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(put).unwrap();
    }

    /// Puts a file, or a folder and all below it, under its own name into the folder `surveys`.
    fn put_from(&self, path: &Path) -> String {
        let name = format!("surveys/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            for file in files_below(path) {
                let below = file.to_str().unwrap().replace('\\', "/");
                self.fill(&format!("{name}/{below}"), std::fs::read(path.join(&file)).unwrap());
            }
        } else {
            self.fill(&name, std::fs::read(path).unwrap());
        }
        name
    }

    fn taken(&self) -> u64 {
        self.bytes.swap(0, Ordering::Relaxed)
    }
}

const SAMPLES: usize = 500;

fn small_volume() -> Volume {
    let inlines = LineAxis { first: 10, step: 2, count: 20 };
    let crosslines = LineAxis { first: 300, step: 1, count: 25 };
    let samples = SampleAxis { domain: Domain::Time, first: 0.0, interval: 4.0, count: SAMPLES };
    let amplitudes = (0..20 * 25 * SAMPLES).map(|place| (place * 7919 % 1000) as f32 - 500.0).collect();
    Volume { inlines, crosslines, samples, amplitudes }
}

fn small_segy(scratch: &Scratch) -> std::path::PathBuf {
    let path = scratch.folder().join("volume.sgy");
    let grid = BinGrid { origin: [5e5, 6e6], inline_step: [0.0, 25.0], crossline_step: [12.5, 0.0] };
    write_volume(&path, &small_volume(), &WriteOptions { grid: Some(grid), ..WriteOptions::default() })
        .unwrap();
    path
}

fn assert_reads_as_local(path: &Path, options: &SurveyOptions) {
    let store = Arc::new(Counting::default());
    let name = store.put_from(path);
    let local = Survey::open(path, options).unwrap();
    let stored = Survey::open_in(store, &name, options).unwrap();
    assert_eq!(stored.name(), local.name());
    assert_eq!(stored.path().to_str(), Some(format!("memory/{name}").as_str()));
    assert_eq!(stored.geometry(), local.geometry());
    assert_eq!(stored.samples(), local.samples());
    assert_eq!(stored.zarr(), local.zarr());
    assert_eq!(stored.segy().is_some(), local.segy().is_some());
    assert_eq!(all_traces(&stored), all_traces(&local));
    for direction in [Direction::Inline, Direction::Crossline] {
        if let Some(lines) = local.lines(direction) {
            let section = |survey: &Survey| survey.read_section(direction, lines.last()).unwrap();
            assert_eq!(section(&stored), section(&local));
        }
    }
    if local.geometry().volume().is_some() {
        assert_eq!(stored.read_time_slice(1).unwrap(), local.read_time_slice(1).unwrap());
    }
}

#[test]
fn every_source_reads_from_a_store_as_from_a_path() {
    let scratch = Scratch::new();
    let options = SurveyOptions::default();
    let segy = small_segy(&scratch);
    assert_reads_as_local(&segy, &options);

    let bytes = std::fs::read(&segy).unwrap();
    let su = scratch.file("volume.su", &bytes[3600..]);
    let container = Some(Container::Su);
    let as_su = OpenOptions { container, byte_order: Some(ByteOrder::Big), ..OpenOptions::default() };
    assert_reads_as_local(&su, &SurveyOptions { segy: as_su, ..SurveyOptions::default() });

    let content: Vec<u8> = (0..24_u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    assert_reads_as_local(&scratch.file("volume.npy", &npy("<f4", false, &[2, 3, 4], &content)), &options);
    let raw = RawArray {
        shape: ArrayShape::Volume([2, 3, 4]),
        format: SampleFormat::Float32,
        byte_order: ByteOrder::Little,
        offset: 0,
    };
    let as_raw = SurveyOptions { raw: Some(raw), ..SurveyOptions::default() };
    assert_reads_as_local(&scratch.file("volume.raw", &content), &as_raw);

    for store in ["volume.mdio", "line.mdio", "sharded.zarr", "turned.zarr", "section.zarr", "plain.zarr"] {
        assert_reads_as_local(&golden(store), &options);
    }

    let folder = Scratch::new();
    for name in ["il1.png", "il2.png"] {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::GrayImage::from_fn(4, 3, |x, y| image::Luma([(x * 50 + y) as u8]))
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        folder.file(name, bytes.get_ref());
    }
    assert_reads_as_local(folder.folder(), &options);
    assert_reads_as_local(&folder.folder().join("il2.png"), &options);
}

#[test]
fn a_section_of_a_segy_file_in_a_store_asks_for_its_own_traces_only() {
    let scratch = Scratch::new();
    let store = Arc::new(Counting::default());
    let name = store.put_from(&small_segy(&scratch));
    let survey = Survey::open_in(Arc::clone(&store) as _, &name, &SurveyOptions::default()).unwrap();
    let trace = 240 + 4 * SAMPLES as u64;
    store.taken();
    survey.read_section(Direction::Inline, 14).unwrap();
    let taken = store.taken();
    assert!((25 * 4 * SAMPLES as u64..=25 * trace).contains(&taken), "{taken}");
    survey.read_section(Direction::Crossline, 305).unwrap();
    let taken = store.taken();
    assert!((20 * 4 * SAMPLES as u64..=20 * trace).contains(&taken), "{taken}");
}

#[test]
fn a_section_of_a_sharded_store_asks_for_its_own_chunks_only() {
    let store = Arc::new(Counting::default());
    let name = store.put_from(&golden("sharded.zarr"));
    let shard = std::fs::metadata(golden("sharded.zarr/c/0/0/0")).unwrap().len();
    let survey = Survey::open_in(Arc::clone(&store) as _, &name, &SurveyOptions::default()).unwrap();
    store.taken();
    survey.read_section(Direction::Crossline, 7).unwrap();
    let first = store.taken();
    // Of 8 chunks (one of them missing) this crossline crosses 4, one of which is missing.
    assert!(first > 0 && first < shard * 2 / 3, "{first} of {shard}");
    survey.read_section(Direction::Crossline, 7).unwrap();
    assert!(store.taken() < first, "the index of the shard is read once");
}

#[test]
fn an_mdio_data_set_needs_no_list_of_its_folder() {
    let store = Arc::new(Counting { lists_nothing: true, ..Counting::default() });
    let name = store.put_from(&golden("volume.mdio"));
    let survey = Survey::open_in(store, &name, &SurveyOptions::default()).unwrap();
    assert_eq!(survey.trace_count(), 31);
    assert!(!all_traces(&survey).is_empty());
}

#[test]
fn a_store_can_be_read_from_within_asynchronous_work() {
    let store = Arc::new(Counting::default());
    store.fill("a/b.bin", (0..100).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let read = runtime.block_on(async {
        let source = ObjectSource::open(Arc::clone(&store) as _, "a/b.bin").unwrap();
        assert_eq!(source.len(), 100);
        let mut bytes = [0; 3];
        source.read_exact_at(&mut bytes, 97).unwrap();
        let past = source.read_exact_at(&mut [0; 4], 97).unwrap_err().kind();
        assert_eq!(past, std::io::ErrorKind::UnexpectedEof);
        bytes
    });
    assert_eq!(read, [97, 98, 99]);
    let missing = ObjectSource::open(store, "a/c.bin").unwrap_err();
    assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn what_is_not_in_the_store_is_refused_with_its_place() {
    let store = Arc::new(Counting::default());
    let message = Survey::open_in(store, "no/such.sgy", &SurveyOptions::default()).unwrap_err().to_string();
    assert!(message.contains("memory/no/such.sgy"), "{message}");
}

#[test]
fn a_file_address_opens_as_its_path_does() {
    let scratch = Scratch::new();
    let path = scratch.file("a volume.npy", &npy("|u1", false, &[1, 2, 3], &[0, 1, 2, 3, 4, 5]));
    let address = url::Url::from_file_path(&path).unwrap();
    let survey = Survey::open(Path::new(address.as_str()), &SurveyOptions::default()).unwrap();
    assert_eq!((survey.path(), survey.name()), (path.as_path(), "a volume"));
    assert_eq!(all_traces(&survey), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
}

#[test]
fn other_addresses_are_refused_with_what_is_supported() {
    for address in ["s3://bucket/volume.sgy", "https://example.org/volume.mdio"] {
        let error = Survey::open(Path::new(address), &SurveyOptions::default()).unwrap_err();
        assert!(matches!(error, SurveyError::Scheme { .. }));
        let message = error.to_string();
        assert!(message.contains(address) && message.contains("file://"), "{message}");
    }
}
