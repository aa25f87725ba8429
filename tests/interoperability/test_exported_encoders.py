"""Exported encoders, opened by Transformers. Skipped without it: see requirements-transformers.txt."""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs requirements-transformers.txt")
transformers = pytest.importorskip("transformers", reason="needs requirements-transformers.txt")

GOLDEN = pathlib.Path(__file__).parents[2] / "crates/refcon-encoders/tests/golden"


def refcon(*arguments):
    command = [os.environ["REFCON"], "--json", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def pixels(side, channels):
    count = 2 * channels * side * side
    return ((torch.arange(count) * 7919 % 1009) / 1008).reshape(2, channels, side, side)


def embed(model, images, pooling):
    out = model(images)
    if pooling == "projected":
        return out.logits if hasattr(out, "logits") else out.image_embeds
    if pooling == "pooled" or isinstance(model, transformers.CLIPVisionModel):
        return out.pooler_output
    leading = 1 + getattr(model.config, "num_register_tokens", 0)
    tokens = out.last_hidden_state
    return tokens[:, leading:].mean(1) if pooling == "patch_mean" else tokens[:, 0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vit", "ViTModel"),
        ("deit", "DeiTModel"),
        ("torchvision", "ViTForImageClassification"),
        ("torchvision-headless", "ViTModel"),
        ("timm-lightning", "ViTModel"),
        ("mae", "ViTModel"),
        ("mae-meta-grey", "ViTModel"),
        ("clip", "CLIPVisionModelWithProjection"),
        ("clip-both-towers-sharded", "CLIPVisionModelWithProjection"),
        ("dinov2", "Dinov2Model"),
        ("dinov2-swiglu", "Dinov2Model"),
        ("dinov2-meta", "Dinov2Model"),
        ("dinov2-registers", "Dinov2WithRegistersModel"),
    ],
)
def test_transformers_opens_an_export_and_embeds_alike(name, kind, tmp_path):
    folder = tmp_path / "exported"
    refcon("encoder", "export", "--encoder", GOLDEN / name, "-o", folder, "--data", "none", "--polarity", "none")
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == [kind]
    model = getattr(transformers, kind).from_pretrained(folder).eval()
    pooling = json.loads((folder / "refcon-encoder.json").read_text())["pooling"]
    cases = json.loads((GOLDEN / name / ("cases.json" if name == "vit" else "expected.json")).read_text())
    case = next(case for case in cases if case["pooling"] == pooling and case["image_size"] == config["image_size"])
    with torch.no_grad():
        found = embed(model, pixels(case["image_size"], config["num_channels"]), pooling)
    np.testing.assert_allclose(found.numpy().ravel(), case["embedding"], atol=1e-5)
    # The automatic classes know it, and its preprocessing.
    assert isinstance(transformers.AutoConfig.from_pretrained(folder), type(model.config))
    processor = transformers.AutoImageProcessor.from_pretrained(folder, use_fast=False)
    assert processor.crop_size == {"height": config["image_size"], "width": config["image_size"]}


def test_an_export_embeds_in_refcon_as_the_checkpoint_did(tmp_path):
    tiles = tmp_path / "tiles"
    tiles.mkdir()
    image = pytest.importorskip("PIL.Image")
    noise = np.random.default_rng(3).integers(0, 255, (3, 60, 50), np.uint8)
    for n, tile in enumerate(noise):
        image.fromarray(tile).save(tiles / f"{n}.png")
    exported = tmp_path / "exported"
    refcon("encoder", "export", "--encoder", GOLDEN / "torchvision", "-o", exported)
    for name, encoder in (("before", GOLDEN / "torchvision"), ("after", exported)):
        refcon("embed", tiles, "--encoder", encoder, "-o", tmp_path / f"{name}.npy")
    before, after = np.load(tmp_path / "before.npy"), np.load(tmp_path / "after.npy")
    assert before.shape == (3, 10)
    np.testing.assert_allclose(before, after, atol=1e-6)
