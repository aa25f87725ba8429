//! Gradients through the kernels against those of Burn's own operations, and against finite differences.

// A helper of a test may unwrap as a test does; the lint's own exception sees test functions only.
#![allow(clippy::unwrap_used)]

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use refcon_encoders::model::{Architecture, Pooling, VisionTransformer};
use refcon_encoders::{Execution, MaskedAutoencoder, ModelCard, Pretrained, StoredAs, device, export};
use refcon_image::GreyImage;
use refcon_kernels::Tier;
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Numbers between −1 and 1, the same for the same seed.
fn numbers(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(count as u32);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn tensor<const D: usize>(seed: u32, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(numbers(seed, shape.iter().product()), shape), device)
}

/// A parameter's name and its gradient, if it has one.
type Gradient = (String, Option<Vec<f32>>);

/// Reads the gradient of each parameter.
struct Reader {
    path: Vec<String>,
    gradients: GradientsParams,
    found: Vec<Gradient>,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(param.id);
        let values = gradient.map(|gradient| {
            assert_eq!(gradient.dims(), param.val().dims(), "{}", self.path.join("."));
            gradient.into_data().iter::<f32>().collect()
        });
        self.found.push((self.path.join("."), values));
    }
}

fn gradients_of<M: Module>(model: &M, loss: &Tensor<1>) -> Vec<Gradient> {
    let gradients = GradientsParams::from_grads(loss.clone().backward(), model);
    let mut reader = Reader { path: Vec::new(), gradients, found: Vec::new() };
    model.visit(&mut reader);
    reader.found
}

fn length(values: &[f32]) -> f64 {
    values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt()
}

/// The largest length of a difference, each relative to its gradient's length, or to a ten-thousandth of the longest one's: some
/// gradients are zero but for rounding, such as that of the keys' bias.
fn largest_difference(what: &str, found: &[Gradient], expected: &[Gradient]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let longest = expected.iter().flat_map(|(_, gradient)| gradient).map(|of| length(of)).fold(0.0, f64::max);
    assert!(longest > 0.0, "{what}: no gradients");
    let mut largest = 0.0f64;
    for ((name, found), (_, expected)) in found.iter().zip(expected) {
        assert_eq!(found.is_some(), expected.is_some(), "{what}: {name}");
        let (Some(found), Some(expected)) = (found, expected) else { continue };
        let difference: Vec<f32> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
        let relative = length(&difference) / length(expected).max(1e-4 * longest);
        largest = largest.max(relative);
    }
    largest
}

/// A number that depends on every component of the embeddings.
fn loss_of(embeddings: Tensor<2>) -> Tensor<1> {
    let weights = tensor(7, embeddings.dims(), &embeddings.device());
    (embeddings.clone() * weights).sum() + embeddings.square().sum() * 0.3
}

fn step(model: &VisionTransformer, sizes: &Architecture, pooling: Pooling, device: &Device) -> Vec<Gradient> {
    let images = tensor(3, [2, sizes.channels, sizes.image_size, sizes.image_size], device);
    gradients_of(model, &loss_of(model.embed(images, pooling)))
}

const FAMILIES: [&str; 10] = [
    "vit",
    "deit",
    "torchvision",
    "timm-registers",
    "mae",
    "clip",
    "dinov2",
    "dinov2-swiglu",
    "dinov2-meta",
    "dinov2-registers",
];

#[test]
fn a_step_of_every_family_has_burns_gradients() {
    for name in FAMILIES {
        let gradients = |execution| {
            let opened = Pretrained::open_to_train(&golden(name), None, &device::cpu(), execution).unwrap();
            step(opened.model(), opened.architecture(), opened.pooling(), opened.device())
        };
        let expected = gradients(Execution::PLAIN);
        for tier in Tier::here() {
            let found = gradients(Execution::in_tier(tier));
            assert_ne!(found, expected, "{name} in {tier}: computed by the same operations");
            let difference = largest_difference(name, &found, &expected);
            println!("{name} in {tier}: {difference:.1e}");
            let allowed = if tier.rounds_to_bf16() { 0.05 } else { 1e-5 };
            assert!(difference <= allowed, "{name} in {tier}: {difference}");
        }
    }
}

#[test]
fn a_step_of_a_masked_autoencoder_has_burns_gradients_in_encoder_and_decoder() {
    for (name, channels) in [("mae", 3), ("mae-meta-grey", 1)] {
        let gradients = |execution| {
            let device = device::cpu();
            let (model, _, sizes) =
                MaskedAutoencoder::open_to_train(&golden(name), &device, execution).unwrap();
            let (device, side) = (device.autodiff(), sizes.blocks.image_size);
            let images = tensor(3, [2, channels, side, side], &device);
            let rebuilt = model.reconstruct(images, tensor(4, [2, 16], &device), 5);
            let weights = tensor(7, rebuilt.patches.dims(), &device);
            gradients_of(&model, &(rebuilt.patches * weights * rebuilt.mask.unsqueeze_dim(2)).sum())
        };
        let expected = gradients(Execution::PLAIN);
        let fixed: Vec<&str> =
            expected.iter().filter(|(_, of)| of.is_none()).map(|(name, _)| name.as_str()).collect();
        assert_eq!(fixed, ["encoder.positions", "decoder.positions"]);
        for tier in Tier::here() {
            let found = gradients(Execution::in_tier(tier));
            let difference = largest_difference(name, &found, &expected);
            println!("{name} in {tier}: {difference:.1e}");
            let allowed = if tier.rounds_to_bf16() { 0.05 } else { 1e-5 };
            assert!(difference <= allowed, "{name} in {tier}: {difference}");
        }
    }
}

#[test]
fn hidden_patches_of_smaller_images_have_burns_gradients_and_are_not_seen() {
    for name in ["vit", "dinov2-registers"] {
        let open =
            |execution| Pretrained::open_to_train(&golden(name), None, &device::cpu(), execution).unwrap();
        let tokens = |opened: &Pretrained, seed: u32, hidden: [f32; 8]| {
            let (sizes, device) = (opened.architecture(), opened.device());
            let side = 2 * sizes.patch_size;
            assert!(side < sizes.image_size);
            let images = tensor(seed, [2, sizes.channels, side, side], device);
            let hidden = Tensor::from_data(TensorData::new(hidden.to_vec(), [2, 4]), device);
            opened.model().tokens_with_hidden(images, hidden, tensor(5, [1, 1, sizes.width], device))
        };
        let some = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        let gradients = |execution| {
            let opened = open(execution);
            let tokens = tokens(&opened, 3, some);
            let [images, count, width] = tokens.dims();
            gradients_of(opened.model(), &loss_of(tokens.reshape([images, count * width])))
        };
        let expected = gradients(Execution::PLAIN);
        let positions = expected.iter().find(|(name, _)| name == "positions").unwrap();
        assert!(positions.1.is_some(), "{name}: positions learn from smaller images too");
        let difference = largest_difference(name, &gradients(Execution::F32), &expected);
        assert!(difference <= 1e-5, "{name}: {difference}");

        let opened = open(Execution::F32);
        let values = |tokens: Tensor<3>| tokens.into_data().iter::<f32>().collect::<Vec<f32>>();
        let seen = |seed, hidden| values(tokens(&opened, seed, hidden));
        assert_eq!(seen(3, [1.0; 8]), seen(4, [1.0; 8]));
        assert_ne!(seen(3, some), seen(4, some));
        let (sizes, side) = (opened.architecture(), 2 * opened.architecture().patch_size);
        let images = tensor(3, [2, sizes.channels, side, side], opened.device());
        assert_eq!(seen(3, [0.0; 8]), values(opened.model().tokens(images)));
    }
}

#[test]
fn frozen_parameters_have_no_gradients_and_the_others_have_theirs() {
    let device = device::cpu();
    let opened = Pretrained::open_to_train(&golden("vit"), None, &device, Execution::F32).unwrap();
    let whole = step(opened.model(), opened.architecture(), opened.pooling(), opened.device());
    /// Freezes everything below a name.
    struct Freeze(Vec<String>);
    impl ModuleMapper for Freeze {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let trained = self.0.iter().any(|part| part == "1") && !self.0.iter().any(|part| part == "up");
            param.set_require_grad(trained)
        }
    }
    let model = opened.model().clone().map(&mut Freeze(Vec::new()));
    let part = step(&model, opened.architecture(), opened.pooling(), opened.device());
    let trained = |name: &str| name.starts_with("blocks.1") && !name.contains(".up.");
    assert_eq!(part.iter().filter(|(_, gradient)| gradient.is_some()).count(), 10);
    for ((name, found), (_, whole)) in part.iter().zip(&whole) {
        assert_eq!(found.is_some(), trained(name), "{name}");
        assert!(found.is_none() || found == whole, "{name}");
    }
}

/// Moves each parameter along a direction of its own, or one parameter only.
struct Move {
    at: usize,
    only: usize,
    by: f32,
}

impl ModuleMapper for Move {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.at += 1;
        if self.at - 1 != self.only {
            return param;
        }
        let (shape, device) = (param.val().dims(), param.val().device());
        let direction = tensor(self.only as u32, shape, &device) * self.by;
        param.map(|value| (value.detach() + direction).detach().require_grad())
    }
}

#[test]
fn the_gradients_of_a_small_vit_are_what_finite_differences_say() {
    let device = device::cpu().autodiff();
    let sizes = Architecture { heads: 3, pooler: true, ..Architecture::vit([15, 5], 2, 33, 2) };
    let model = VisionTransformer::initial(&sizes, 1, &device, Execution::F32.for_training());
    // Weights as small as those that training starts from leave most of the model without influence.
    let larger = |model: VisionTransformer| {
        (0..model.num_params())
            .take(40)
            .fold(model, |model, only| model.map(&mut Move { at: 0, only, by: 0.3 }))
    };
    let model = larger(model);
    let loss = |model: &VisionTransformer| {
        let images = tensor(3, [3, 2, 15, 15], &device);
        loss_of(model.embed(images, Pooling::Pooled))
    };
    let gradients = gradients_of(&model, &loss(&model));
    for (at, (name, gradient)) in gradients.iter().enumerate() {
        let gradient = gradient.as_ref().unwrap();
        let slope = |by: f32| {
            let moved = |by| loss(&model.clone().map(&mut Move { at: 0, only: at, by })).into_scalar::<f32>();
            f64::from(moved(by) - moved(-by)) / f64::from(2.0 * by)
        };
        let direction = numbers(at as u32, gradient.len());
        let expected: f64 = gradient.iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d)).sum();
        let found = slope(2e-3);
        let size = length(gradient) * length(&direction) / (gradient.len() as f64).sqrt();
        println!("{name}: {expected:.5} {found:.5} of {size:.5}");
        assert!((found - expected).abs() <= 2e-3 * size + 3e-3, "{name}: {expected}, not {found}");
    }
}

#[test]
fn a_model_without_its_gradients_embeds_as_the_one_that_was_trained() {
    for tier in Tier::here() {
        let execution = Execution::in_tier(tier);
        let opened = Pretrained::open_to_train(&golden("clip"), None, &device::cpu(), execution).unwrap();
        let sizes = opened.architecture();
        let plane =
            GreyImage::new(sizes.image_size, sizes.image_size, numbers(1, sizes.image_size.pow(2))).unwrap();
        let images = opened.input(&[plane]);
        let trained = opened.model().embed(images.clone(), opened.pooling());
        let evaluated = opened.model().valid().embed(images.inner(), opened.pooling());
        assert!(!evaluated.device().is_autodiff());
        let values = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<f32>>();
        let (trained, evaluated) = (values(trained), values(evaluated));
        let difference = trained.iter().zip(&evaluated).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference <= 1e-5, "{tier}: {difference}");
    }
}

#[test]
fn a_model_opened_to_train_is_written_with_its_full_weights() {
    for tier in Tier::here() {
        let open = || {
            Pretrained::open_to_train(&golden("vit"), None, &device::cpu(), Execution::in_tier(tier)).unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        let written = folder.path().join("written");
        let opened = open();
        export(&opened, opened.model(), &ModelCard::default(), StoredAs::F32, &written).unwrap();
        let pixels = numbers(5, 3 * opened.architecture().image_size.pow(2));
        let embed = |path: &Path| Pretrained::open(path).unwrap().embed_pixels(pixels.clone(), 1);
        assert_eq!(embed(&written), embed(&golden("vit")));
    }
}
