"""From PNG files to an encoder's input with torchvision: python preprocess.py FOLDER THREADS

The challenge solution's steps: three equal channels, contrast 15, the shorter side to 256 (bicubic, antialiased), the middle
224 × 224. Also with one channel, which the challenge solution does not do, since that is what refcon computes.
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
import torchvision
from peer import serve
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

FILES = sorted((Path(sys.argv[1]) / "tiles").rglob("*.png"))
THREADS = int(sys.argv[2])


def read(file, channels):
    return F.to_tensor(Image.open(file).convert("RGB" if channels == 3 else "L"))


def prepare(image):
    image = F.adjust_contrast(image, 15.0)
    image = F.resize(image, 256, InterpolationMode.BICUBIC, antialias=True)
    return F.center_crop(image, 224)


IMAGES = {channels: [read(file, channels) for file in FILES] for channels in (1, 3)}


def check(means):
    return round(sum(means) / len(FILES) * 100)


def one_by_one(channels, from_files):
    torch.set_num_threads(THREADS)
    images = (read(file, channels) for file in FILES) if from_files else IMAGES[channels]
    return check([prepare(image).mean().item() for image in images])


def in_threads(channels, from_files):
    torch.set_num_threads(1)
    with ThreadPoolExecutor(THREADS) as pool:
        if from_files:
            return check(list(pool.map(lambda file: prepare(read(file, channels)).mean().item(), FILES)))
        return check(list(pool.map(lambda image: prepare(image).mean().item(), IMAGES[channels])))


def ways(from_files):
    return {
        "3 channels, one by one": lambda: one_by_one(3, from_files),
        "3 channels, in threads": lambda: in_threads(3, from_files),
        "1 channel, in threads": lambda: in_threads(1, from_files),
    }


serve(f"torchvision {torchvision.__version__}", {"preprocess": ways(False), "files": ways(True)})
