"""Averages the weights of two encoders, the second of which was trained on from the first (Wortsman et al., Robust fine-tuning of
zero-shot models, CVPR 2022).

    python3 average.py FIRST SECOND SHARE OUTPUT

SHARE is the second's. Positions, which differ in number where the second was trained at another size, are the second's. Needs NumPy and
safetensors.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


def main(first, second, share, output):
    share = float(share)
    first, continued = (load_file(Path(folder) / "model.safetensors") for folder in (first, second))
    shutil.copytree(second, output)
    mean = {
        name: np.float32((1 - share) * first[name] + share * values) if first[name].shape == values.shape else values
        for name, values in continued.items()
    }
    save_file(mean, Path(output) / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    main(*sys.argv[1:])
