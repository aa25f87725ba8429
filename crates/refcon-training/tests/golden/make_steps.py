"""Fifty steps of the challenge's recipe in PyTorch: the losses that a training from the same weights on the same triplets follows.

    pip install torch && python make_steps.py   # writes steps.json beside this file

The model is the small ViT of `refcon-encoders/tests/golden/vit`, written out here so that only PyTorch is needed; its embedding is the
pooler's output, as the challenge took it.
"""

import json
import math
import struct
from pathlib import Path

import torch
from torch.nn import functional

HERE = Path(__file__).parent
VIT = HERE / "../../../refcon-encoders/tests/golden/vit/model.safetensors"
TILES, CLASSES, BATCH, STEPS, SIDE, PATCH, HEADS, EPS = 12, 3, 4, 50, 32, 8, 4, 1e-12
LEARNING_RATE = 1e-3

raw = VIT.read_bytes()
length = struct.unpack("<Q", raw[:8])[0]
weights = {}
for name, facts in json.loads(raw[8 : 8 + length]).items():
    if name != "__metadata__":
        start, end = facts["data_offsets"]
        values = torch.frombuffer(bytearray(raw[8 + length + start : 8 + length + end]), dtype=torch.float32)
        weights[name] = values.reshape(facts["shape"]).clone().requires_grad_()


def linear(name, x):
    return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def norm(name, x):
    return functional.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], EPS)


def embed(images):
    patch = "embeddings.patch_embeddings.projection"
    x = functional.conv2d(images, weights[f"{patch}.weight"], weights[f"{patch}.bias"], stride=PATCH)
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([weights["embeddings.cls_token"].expand(len(x), -1, -1), x], 1)
    x = x + weights["embeddings.position_embeddings"]
    for layer in range(2):
        block = f"encoder.layer.{layer}"
        y = norm(f"{block}.layernorm_before", x)
        q, k, v = (
            linear(f"{block}.attention.attention.{part}", y).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        y = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + linear(f"{block}.attention.output.dense", y)
        y = functional.gelu(linear(f"{block}.intermediate.dense", norm(f"{block}.layernorm_after", x)))
        x = x + linear(f"{block}.output.dense", y)
    return torch.tanh(linear("pooler.dense", norm("layernorm", x)[:, 0]))


def tile(number):
    """A plane of stripes whose period is its class's, the same in all channels."""
    period = 4.0 + 2.5 * (number % CLASSES)
    plane = torch.tensor(
        [[0.5 + 0.4 * math.sin(2 * math.pi * (y + 0.1 * number * x) / period) for x in range(SIDE)] for y in range(SIDE)]
    )
    return plane.expand(3, SIDE, SIDE)


def triplets(step):
    anchors = [(step * BATCH + at) % TILES for at in range(BATCH)]
    return anchors, [(a + CLASSES) % TILES for a in anchors], [(a + 1 + step % 2) % TILES for a in anchors]


images = torch.stack([tile(number) for number in range(TILES)])
golden = {}
for name, distance in (("euclidean", None), ("cosine", lambda a, b: 1 - functional.cosine_similarity(a, b))):
    start = {key: value.detach().clone() for key, value in weights.items()}
    criterion = (
        torch.nn.TripletMarginLoss(margin=1.0, swap=True)
        if distance is None
        else torch.nn.TripletMarginWithDistanceLoss(distance_function=distance, margin=1.0, swap=True)
    )
    # Biases and norms do not decay: see refcon's `optimise`.
    decaying = [w for w in weights.values() if sum(n > 1 for n in w.shape) > 1]
    others = [w for w in weights.values() if sum(n > 1 for n in w.shape) <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decaying, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}], lr=LEARNING_RATE
    )
    golden[name] = []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = criterion(*(embed(images[rows]) for rows in triplets(step)))
        loss.backward()
        optimiser.step()
        golden[name].append(loss.item())
    for key, value in start.items():
        weights[key].data.copy_(value)
(HERE / "steps.json").write_text(json.dumps(golden) + "\n")
print({name: [values[0], values[24], values[-1]] for name, values in golden.items()})
