"""Full-size random models, in the original implementation and in refcon: cosine and largest difference of their embeddings.

    pip install torch==2.7.1 transformers==4.57.3 safetensors numpy
    cargo build --release -p refcon-encoders --example embed_pixels
    python full_size.py ../../../../target/release/examples/embed_pixels

Needs about 6 GB of memory and 1.3 GB of disk; models are made one after the other and deleted.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    ViTConfig,
    ViTMAEConfig,
    ViTMAEModel,
    ViTModel,
)

LARGE = dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16)
BATCH = 2
SMALLEST_COSINE = 0.99999


def vit_b16():
    return ViTModel(ViTConfig()), lambda model, pixels: model(pixels).pooler_output


def clip_l14():
    config = CLIPVisionConfig(**LARGE, patch_size=14, projection_dim=768)
    return CLIPVisionModelWithProjection(config), lambda model, pixels: model(pixels).image_embeds


def dinov2_b14_with_registers():
    config = Dinov2WithRegistersConfig(image_size=518)
    return Dinov2WithRegistersModel(config), lambda model, pixels: model(pixels).pooler_output


def mae_l16():
    def embed(model, pixels):
        in_order = torch.arange(196.0).expand(len(pixels), -1)
        return model(pixels, noise=in_order).last_hidden_state[:, 0]

    return ViTMAEModel(ViTMAEConfig(**LARGE, mask_ratio=0.0)), embed


def main(program):
    worst = 1.0
    for seed, make in enumerate([vit_b16, clip_l14, dinov2_b14_with_registers, mae_l16]):
        torch.manual_seed(seed)
        with tempfile.TemporaryDirectory() as name, torch.no_grad():
            folder = pathlib.Path(name)
            model, embed = make()
            for parameter in model.parameters():
                parameter += 0.01 * torch.randn_like(parameter)
            model.eval().save_pretrained(folder)
            pixels = torch.rand(BATCH, 3, 224, 224)
            pixels.numpy().tofile(folder / "pixels.f32")
            expected = embed(model, pixels).numpy().astype(np.float64)
            del model
            subprocess.run([program, name, str(folder / "pixels.f32"), str(folder / "out.f32"), str(BATCH)], check=True)
            found = np.fromfile(folder / "out.f32", np.float32).reshape(expected.shape).astype(np.float64)
        cosine = (expected * found).sum(1) / np.linalg.norm(expected, axis=1) / np.linalg.norm(found, axis=1)
        worst = min(worst, cosine.min())
        print(json.dumps({
            "model": make.__name__,
            "cosine": float(cosine.min()),
            "largest_difference": float(np.abs(expected - found).max()),
            "largest_component": float(np.abs(expected).max()),
        }))
    sys.exit(worst < SMALLEST_COSINE)


if __name__ == "__main__":
    main(sys.argv[1])
