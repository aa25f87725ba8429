"""Makes the inputs and the expected outputs that `tests/golden.rs` compares refcon-image with.

Run with Python 3.8 to 3.12, torch 2.2.2, torchvision 0.17.2, NumPy 1.26 and a current Pillow (newer ones define
the same operations; these are the ones the challenge solution was written for):

    python make_golden.py

It overwrites the files beside it. The seed is fixed, so running it twice gives the same files.

* `<input>.png`: 8-bit grey pictures, wavelets along bent horizons with noise.
* `<case>.f32`: rows 0, 9, 18, ... and the last row of the preprocessed image, float32, little-endian, row by row.
* `preprocessing.json`: the cases, and the mean of each whole output.
* `colour.*` and `colour.json`: files in other formats, and the grey levels that Pillow's `convert("L")` gives them.
"""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

HERE = Path(__file__).parent
ROW_STEP = 9


def section(rng, width, height):
    """A picture of reflections, uint8 [height, width]: Ricker-like wavelets on bent horizons, and 4 % noise."""
    x = np.linspace(0.0, 1.0, width)[None, :]
    t = np.arange(height, dtype=np.float64)[:, None]
    picture = np.zeros((height, width))
    for _ in range(max(3, height // 12)):
        depth = rng.uniform(0, height) + height * 0.1 * np.sin(2 * np.pi * (x * rng.uniform(0.3, 1.5) + rng.uniform()))
        u = ((t - depth) / rng.uniform(2.0, 5.0)) ** 2
        picture += rng.uniform(-1.0, 1.0) * (1.0 - 2.0 * u) * np.exp(-u)
    picture += rng.normal(0.0, 0.04 * (np.abs(picture).max() + 1e-9), picture.shape)
    low, high = picture.min(), picture.max()
    if low == high:
        return np.full((height, width), 173, np.uint8)
    return np.round((picture - low) / (high - low) * 255).astype(np.uint8)


def preprocessed(picture, contrast, shorter_side, crop):
    """The network's input, float32 [crop, crop]; its three channels must be equal."""
    image = torch.from_numpy(picture).expand(3, -1, -1).to(torch.float32).div(255)
    image = F.adjust_contrast(image, contrast)
    image = F.resize(image, [shorter_side], InterpolationMode.BICUBIC, antialias=True)
    image = F.center_crop(image, [crop, crop]).numpy()
    assert (image[0] == image[1]).all() and (image[0] == image[2]).all()
    return image[0]


def main():
    torch.set_num_threads(1)
    rng = np.random.default_rng(42)
    sizes = [(118, 143), (99, 99), (1, 1), (2, 1), (7, 300), (300, 7), (3, 2000), (640, 480), (256, 256), (255, 257)]
    pictures = {f"{w}x{h}": section(rng, w, h) for w, h in sizes}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(HERE / f"{name}.png", optimize=True)

    cases = [(name, 10.0, 256, 224) for name in pictures]
    cases += [
        ("118x143", 15.0, 256, 224),
        ("118x143", 1.0, 256, 224),
        ("118x143", 0.5, 518, 518),
        ("118x143", 10.0, 50, 32),
        ("118x143", 10.0, 64, 75),
        ("640x480", 10.0, 31, 31),
    ]
    manifest = []
    for name, contrast, shorter_side, crop in cases:
        output = preprocessed(pictures[name], contrast, shorter_side, crop)
        case = f"{name}-contrast{contrast:g}-resize{shorter_side}-crop{crop}"
        rows = sorted({*range(0, crop, ROW_STEP), crop - 1})
        output[rows].astype("<f4").tofile(HERE / f"{case}.f32")
        manifest.append({
            "case": case, "input": f"{name}.png", "contrast": contrast, "resize_shorter_side": shorter_side,
            "crop": crop, "rows": rows, "mean": float(output.mean(dtype=np.float64)),
        })
    (HERE / "preprocessing.json").write_text(json.dumps(manifest, indent=1) + "\n")

    colour = rng.integers(0, 256, (12, 20, 3), dtype=np.uint8)
    alpha = np.dstack([colour, rng.integers(0, 256, (12, 20), dtype=np.uint8)])
    smooth = np.dstack([section(rng, 40, 32) for _ in range(3)])
    files = {
        "colour.png": Image.fromarray(colour),
        "colour-alpha.png": Image.fromarray(alpha),
        "colour-palette.png": Image.fromarray(colour).quantize(16),
        "colour.tif": Image.fromarray(colour),
        "colour.jpg": Image.fromarray(smooth),
    }
    levels = {}
    for name, image in files.items():
        image.save(HERE / name)
        grey = Image.open(HERE / name).convert("RGB").convert("L")
        levels[name] = {"width": grey.width, "height": grey.height, "levels": np.asarray(grey).ravel().tolist()}
    (HERE / "colour.json").write_text(json.dumps(levels) + "\n")


if __name__ == "__main__":
    main()
