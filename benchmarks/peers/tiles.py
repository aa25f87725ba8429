"""Tiles of a volume as PNG files, with NumPy, OpenCV and Pillow: python tiles.py VOLUME.npy SIZES FOLDER THREADS

The challenge's recipe: of each inline and each crossline 4 tiles, their corners on a grid, their sizes drawn from a
histogram (SIZES, JSON: [[height, width, count], …]), moved inside the section where they stick out; each normalised from
its least to its greatest amplitude to 0..255.
"""

import json
import random
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy
from peer import serve
from PIL import Image

SAMPLES_BETWEEN_CORNERS = 126
TRACES_BETWEEN_CORNERS = 100
TILES_A_SECTION = 4

VOLUME = numpy.load(sys.argv[1], mmap_mode="r")
SIZES = json.loads(sys.argv[2])
FOLDER = Path(sys.argv[3])


def sections(volume):
    for line in range(max(volume.shape[:2])):
        if line < volume.shape[0]:
            yield "inline", line, volume[line, :, :].T
        if line < volume.shape[1]:
            yield "crossline", line, volume[:, line, :].T


def tiles(section, draw):
    samples, traces = section.shape
    corners = [
        (sample, trace)
        for sample in range(0, samples, SAMPLES_BETWEEN_CORNERS)
        for trace in range(0, traces, TRACES_BETWEEN_CORNERS)
    ]
    for sample, trace in draw.sample(corners, min(TILES_A_SECTION, len(corners))):
        (height, width, _), = draw.choices(SIZES, weights=[count for _, _, count in SIZES])
        height, width = min(height, samples), min(width, traces)
        sample, trace = min(sample, samples - height), min(trace, traces - width)
        yield sample, trace, section[sample : sample + height, trace : trace + width]


def write_tiles():
    """Writes all tiles to a new folder; returns how many they are."""
    folder = Path(tempfile.mkdtemp(dir=FOLDER))
    draw = random.Random(42)
    count = 0
    for direction, line, section in sections(VOLUME):
        for sample, trace, tile in tiles(section, draw):
            grey = cv2.normalize(tile, None, 0, 255, cv2.NORM_MINMAX).astype(numpy.uint8)
            Image.fromarray(grey).save(folder / f"{direction}-{line}-{trace}-{sample}-{count}.png")
            count += 1
    return count


# Held to as many threads as refcon gets.
cv2.setNumThreads(int(sys.argv[4]))
serve(
    f"NumPy {numpy.__version__}, OpenCV {cv2.__version__}, Pillow {version('pillow')}",
    {"tiles": {"PNG files": write_tiles}},
)
