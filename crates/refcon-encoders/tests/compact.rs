//! The encoder that comes with the program, and what joins the texture descriptor to a model.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use refcon_encoders::{
    COMPACT, Encoder, Execution, ModelCard, Pretrained, StoredAs, Texture, device, export, inspect,
    open_encoder,
};
use refcon_image::GreyImage;
use std::path::Path;

fn tile(seed: usize) -> GreyImage {
    let level = |at: usize| {
        let (x, y) = ((at % 99) as f32, (at / 99) as f32);
        0.5 + 0.3 * ((y + 0.2 * seed as f32 * x) * (0.4 + 0.1 * seed as f32)).sin()
    };
    GreyImage::new(99, 99, (0..99 * 99).map(level).collect()).unwrap()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn compact() -> Box<dyn Encoder> {
    open_encoder(Path::new(COMPACT), None, &device::cpu(), Execution::F32).unwrap()
}

#[test]
fn the_compact_encoder_needs_no_file() {
    let encoder = compact();
    let tiles = [tile(0), tile(1), tile(2)];
    let embeddings = encoder.embed(&tiles).unwrap();
    assert_eq!(embeddings.len(), 3 * encoder.dimension());
    // Tiles one by one are what they are together.
    for (tile, together) in tiles.iter().zip(embeddings.chunks_exact(encoder.dimension())) {
        let alone = encoder.embed(std::slice::from_ref(tile)).unwrap();
        assert!(cosine(&alone, together) > 0.999_999);
    }
}

#[test]
fn its_weights_are_as_few_as_its_card_says() {
    let found = inspect(Path::new(COMPACT), None).unwrap();
    assert!(found.is_whole());
    let card = include_str!("../compact/README.md");
    assert!(card.contains(&format!("{} parameters", found.architecture.parameters())), "{card}");
    assert!((5e6..22e6).contains(&(found.architecture.parameters() as f64)));
}

#[test]
fn a_folder_of_its_name_is_not_it() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join(COMPACT);
    std::fs::create_dir(&folder).unwrap();
    let error = open_encoder(&folder, None, &device::cpu(), Execution::F32).err().unwrap();
    assert!(error.to_string().contains("no weights' file"), "{error}");
}

#[test]
fn a_cosine_of_joined_embeddings_is_the_weighted_mean_of_both() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vit");
    let alone = Pretrained::open(&golden).unwrap();
    let joined = Pretrained::open(&golden).unwrap().joined_with_texture(0.3).unwrap();
    let tiles = [tile(0), tile(3)];
    let (texture, model, both) =
        (Texture::new().embed(&tiles).unwrap(), alone.embed(&tiles).unwrap(), joined.embed(&tiles).unwrap());
    assert_eq!(both.len(), texture.len() + model.len());
    let between = |values: &[f32]| {
        let (a, b) = values.split_at(values.len() / 2);
        cosine(a, b)
    };
    let expected = 0.3 * between(&texture) + 0.7 * between(&model);
    assert!((between(&both) - expected).abs() < 1e-5, "{} {expected}", between(&both));
    for share in [0.0, 1.0, -0.1, f32::NAN] {
        let refused = Pretrained::open(&golden).unwrap().joined_with_texture(share);
        assert!(refused.err().unwrap().contains("above 0 and below 1"));
    }
}

#[test]
fn a_joined_encoder_is_written_and_opened_again_in_half_the_size() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vit");
    let encoder = Pretrained::open(&golden).unwrap().joined_with_texture(0.5).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let size = |stored: StoredAs, name: &str| {
        let folder = scratch.path().join(name);
        export(&encoder, encoder.model(), &ModelCard::default(), stored, &folder).unwrap();
        let again = Pretrained::open(&folder).unwrap();
        assert_eq!(again.texture_share(), Some(0.5));
        assert!(again.id().name().ends_with("+texture"), "{}", again.id());
        let cosine = cosine(&again.embed(&[tile(1)]).unwrap(), &encoder.embed(&[tile(1)]).unwrap());
        assert!(cosine > if stored == StoredAs::F32 { 0.999_999 } else { 0.999 }, "{cosine}");
        std::fs::metadata(folder.join("model.safetensors")).unwrap().len()
    };
    let (whole, half) = (size(StoredAs::F32, "f32"), size(StoredAs::Bf16, "bf16"));
    assert!(half < whole * 6 / 10, "{half} {whole}");
}
