"""The losses of 50 steps of fine-tuning, from PyTorch in f32: what training through the kernels must follow.

    pip install torch==2.15.0 transformers==4.57.3 safetensors numpy
    python make_training.py

makes a ViT (the folder `training/`), trains it on triplets of images that are formulas,
and writes `training/expected.json`: the losses, and the embeddings of two images afterwards. It also prints how far the same
steps with PyTorch's autocast to bf16 are from that (0.2 % at most).
"""

import json
import pathlib
import shutil

import torch
from transformers import ViTConfig, ViTModel

HERE = pathlib.Path(__file__).parent / "training"
WIDTH, SIDE, IMAGES, CLASSES, TRIPLETS, STEPS = 64, 32, 24, 4, 4, 50
SETTINGS = dict(lr=1e-5, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05)
MARGIN = 12.0


def image(number):
    """Stripes of the class under noise, three channels."""
    kind = number % CLASSES
    at = torch.arange(3 * SIDE * SIDE).reshape(3, SIDE, SIDE)
    x, y = at % SIDE, at // SIDE % SIDE
    stripes = ((x * (kind + 1) + y * (CLASSES - 1 - kind)) % 8).float() / 7
    noise = ((at * 7919 + number * 104729) % 1009).float() / 1008
    return 2 * (stripes + noise) - 2


def triplets(step):
    """Anchors, then positives, then negatives."""
    anchors = [(5 * step + 7 * k) % IMAGES for k in range(TRIPLETS)]
    positives = [(anchor + CLASSES * (1 + step % 5)) % IMAGES for anchor in anchors]
    negatives = [(anchor + 1 + (step + k) % 3) % IMAGES for k, anchor in enumerate(anchors)]
    return torch.stack([image(number) for number in anchors + positives + negatives])


def make_checkpoint():
    """Weights that keep the size of what they are multiplied with.

    They stay f32: of weights that bf16 holds exactly, rounding would take away every small step.
    """
    torch.manual_seed(1)
    model = ViTModel(
        ViTConfig(
            hidden_size=WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=2 * WIDTH,
            image_size=SIDE,
            patch_size=8,
        )
    )
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            inputs = parameter[0].numel() if "weight" in name else WIDTH
            parameter.data = torch.randn_like(parameter) / inputs**0.5
    shutil.rmtree(HERE, ignore_errors=True)
    model.save_pretrained(HERE)


def train(autocast):
    model = ViTModel.from_pretrained(HERE, attn_implementation="eager").float().eval()
    optimiser = torch.optim.AdamW(model.parameters(), **SETTINGS)
    losses = []
    for step in range(STEPS):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            embedded = model(triplets(step)).pooler_output
        anchor, positive, negative = embedded.float().chunk(3)
        loss = torch.nn.functional.triplet_margin_loss(anchor, positive, negative, margin=MARGIN)
        losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        embedding = model(torch.stack([image(0), image(1)])).pooler_output
    return losses, embedding.flatten().tolist()


make_checkpoint()
losses, embedding = train(autocast=False)
(HERE / "expected.json").write_text(json.dumps({"losses": losses, "embedding": embedding}) + "\n")
print([round(loss, 3) for loss in losses])
rounded, _ = train(autocast=True)
print("autocast:", [f"{100 * (a - b) / b:+.2f} %" for a, b in zip(rounded, losses)])
