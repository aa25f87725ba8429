"""Small random checkpoints and their outputs, from the original implementation.

    pip install torch==2.2.2 transformers==4.44.2 safetensors 'numpy<2'
    python make_vit.py

writes, beside this file, `vit/` (a ViTModel with pooler, f32), `vit-classifier/` (a ViTForImageClassification, whose encoder has
no pooler, saved as bf16) and in each `expected.json`: an input `[2, 3, 32, 32]` and the embedding of it.
"""

import json
import pathlib

import torch
from transformers import ViTConfig, ViTForImageClassification, ViTModel

here = pathlib.Path(__file__).parent
config = ViTConfig(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=48,
    image_size=32,
    patch_size=8,
    initializer_range=0.3,
)


def randomise(model):
    """Transformers starts biases at 0 and norms at 1: a mix-up of those would go unseen."""
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
    return model.eval()


torch.manual_seed(7)
for name, model in [
    ("vit", ViTModel(config)),
    ("vit-classifier", ViTForImageClassification(config)),
]:
    randomise(model)
    if name == "vit-classifier":
        model = model.to(torch.bfloat16).float()
    pixels = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        if name == "vit":
            embedding = model(pixels).pooler_output
        else:
            embedding = model.vit(pixels).last_hidden_state[:, 0]
    stored = model.to(torch.bfloat16) if name == "vit-classifier" else model
    stored.save_pretrained(here / name)
    expected = {"pixels": pixels.flatten().tolist(), "embedding": embedding.flatten().tolist()}
    (here / name / "expected.json").write_text(json.dumps(expected) + "\n")
