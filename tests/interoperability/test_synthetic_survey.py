"""The synthetic survey, opened by the libraries that geoscientists use."""

import json
import os
import subprocess

import numpy as np
import pytest
import segyio

INLINES, CROSSLINES, SAMPLES = 64, 70, 128
SIZE = ["--inlines", INLINES, "--crosslines", CROSSLINES, "--samples", SAMPLES, "--interval", "2", "--frequency", "50"]


def refcon(*arguments):
    command = [os.environ["REFCON"], "--json", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def surveys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surveys")
    for name in ("survey.sgy", "survey.npy"):
        refcon("synth", "-o", folder / name, *SIZE)
    return folder


def test_numpy_opens_the_volume_and_its_labels(surveys):
    volume, labels = np.load(surveys / "survey.npy"), np.load(surveys / "survey-labels.npy")
    assert (volume.shape, volume.dtype) == ((INLINES, CROSSLINES, SAMPLES), np.float32)
    assert (labels.shape, labels.dtype) == (volume.shape, np.uint8)
    assert np.isfinite(volume).all() and volume.std() > 0
    assert labels.max() <= 7


def test_segyio_reads_the_samples_that_numpy_reads(surveys):
    for name in ("survey", "survey-labels"):
        with segyio.open(surveys / f"{name}.sgy") as file:
            cube = segyio.tools.cube(file)
        np.testing.assert_array_equal(cube, np.load(surveys / f"{name}.npy").astype(np.float32))


def test_segyio_finds_the_geometry(surveys):
    with segyio.open(surveys / "survey.sgy") as file:
        assert list(file.ilines) == list(range(1001, 1001 + INLINES))
        assert list(file.xlines) == list(range(2001, 2001 + CROSSLINES))
        np.testing.assert_allclose(file.samples, 2.0 * np.arange(SAMPLES))
        assert file.bin[segyio.BinField.Format] == 5
        assert "SYNTHETIC SURVEY" in file.text[0].decode()
        # Bins of 12.5 m along an inline that runs 30 degrees east of north.
        x = file.attributes(segyio.TraceField.CDP_X)[:2] / 100
        y = file.attributes(segyio.TraceField.CDP_Y)[:2] / 100
        np.testing.assert_allclose([x[1] - x[0], y[1] - y[0]], [6.25, 10.83], atol=0.011)
