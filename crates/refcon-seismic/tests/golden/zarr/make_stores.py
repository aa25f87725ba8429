"""Makes the Zarr v3 stores and MDIO v1 data sets beside it, and the values that they must be read to.

Made with multidimio 1.1.3, zarr 3.1.6 and numpy 2.4.6:

    python make_stores.py

The expected values are written as `.npy`, float32, volumes [inline, crossline, sample] and sections [sample, trace].
"""

import shutil
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from mdio import to_mdio
from mdio.builder.schemas.v1.units import LengthUnitModel, TimeUnitModel
from mdio.builder.template_registry import get_template
from mdio.builder.xarray_builder import to_xarray_dataset
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec

HERE = Path(__file__).parent
RANDOM = np.random.default_rng(20260729)


def fresh(name):
    path = HERE / name
    shutil.rmtree(path, ignore_errors=True)
    return path


def expect(name, values):
    np.save(HERE / f"{name}.npy", np.ascontiguousarray(values, dtype="<f4"))


def mdio(name, template_name, chunks, coordinates, amplitudes, live, xy, units):
    """An MDIO v1 data set as `segy_to_mdio` lays it out: what is not live holds NaN."""
    template = get_template(template_name)
    template.add_units(units)
    template.full_chunk_shape = chunks
    data_set = to_xarray_dataset(template.build_dataset(name, sizes=amplitudes.shape))
    spatial = template.spatial_dimension_names
    encoding = {variable: data_set[variable].encoding for variable in data_set.variables}
    for dimension, values in coordinates.items():
        data_set[dimension] = (dimension, np.asarray(values, dtype="int32"), data_set[dimension].attrs)
    data_set["amplitude"] = data_set["amplitude"].copy(data=np.where(live[..., None], amplitudes, np.nan))
    data_set["trace_mask"] = data_set["trace_mask"].copy(data=live)
    for coordinate, values in zip(("cdp_x", "cdp_y"), xy):
        values = np.where(live, values, np.nan)
        data_set = data_set.assign_coords({coordinate: (spatial, values, data_set[coordinate].attrs)})
    for variable in data_set.variables:
        data_set[variable].encoding = encoding.get(variable, {})
    data_set.attrs["createdOn"] = "2026-07-29 00:00:00+00:00"
    to_mdio(data_set, fresh(f"{name}.mdio"), mode="w")
    return data_set


def mdio_volume():
    shape = (5, 7, 9)
    amplitudes = RANDOM.standard_normal(shape).astype("f4")
    live = np.ones(shape[:2], dtype=bool)
    live[0, 0:3] = live[4, 6] = False
    inline, crossline = np.meshgrid(np.arange(5), np.arange(7), indexing="ij")
    x = 605_835.5 + 0.7 * inline + 12.49 * crossline
    y = 6_073_556.4 + 24.99 * inline - 0.35 * crossline
    mdio(
        "volume",
        "PostStack3DTime",
        (2, 4, 4),
        {"inline": range(200, 190, -2), "crossline": range(1000, 1021, 3), "time": range(100, 136, 4)},
        amplitudes,
        live,
        (x, y),
        {"time": TimeUnitModel(time="ms"), "cdp_x": LengthUnitModel(length="m"), "cdp_y": LengthUnitModel(length="m")},
    )
    expect("volume", np.where(live[..., None], amplitudes, 0))


def mdio_line():
    shape = (11, 6)
    amplitudes = RANDOM.standard_normal(shape).astype("f4")
    live = np.ones(shape[:1], dtype=bool)
    cdp = np.arange(11)
    mdio(
        "line",
        "PostStack2DDepth",
        (4, 6),
        {"cdp": range(101, 112), "depth": range(0, 30, 5)},
        amplitudes,
        live,
        (430_000 + 25.0 * cdp, 6_000_000 - 5.0 * cdp),
        {"depth": LengthUnitModel(length="m")},
    )
    expect("line", amplitudes.T)


def array(name, values, dimension_names=None, **layout):
    store = zarr.create_array(
        fresh(f"{name}.zarr"), shape=values.shape, dtype=values.dtype, dimension_names=dimension_names, **layout
    )
    store[...] = values
    return store


def sharded():
    """Big-endian floats in shards of Blosc chunks with checksums; one shard is missing, and chunks of another."""
    values = RANDOM.standard_normal((6, 8, 10)).astype("f4")
    values[4:, :, :] = -2.5
    values[0:2, 4:8, 0:5] = -2.5
    array(
        "sharded",
        values,
        ["inline", "crossline", "time"],
        shards=(4, 8, 10),
        chunks=(2, 4, 5),
        serializer=BytesCodec(endian="big"),
        compressors=[BloscCodec(cname="lz4", shuffle="bitshuffle"), Crc32cCodec()],
        fill_value=-2.5,
    )
    expect("sharded", values)


def turned():
    """Axes in another order than refcon's, stored transposed."""
    values = RANDOM.integers(-30_000, 30_000, (5, 4, 3)).astype("i2")
    array(
        "turned",
        values,
        ["depth", "xline", "iline"],
        chunks=(3, 2, 2),
        filters=[TransposeCodec(order=(2, 0, 1))],
        serializer=BytesCodec(endian="big"),
        compressors=[ZstdCodec(level=3, checksum=True)],
    )
    expect("turned", values.transpose(2, 1, 0))


def section():
    """A section [sample, trace] without names."""
    values = RANDOM.integers(0, 255, (12, 5)).astype("u1")
    array("section", values, chunks=(5, 2), compressors=[GzipCodec(level=5)])
    expect("section", values)


def plain():
    """A volume without names or compression."""
    values = RANDOM.standard_normal((2, 3, 4)).astype("f8")
    array("plain", values, chunks=(1, 2, 3), compressors=None)
    expect("plain", values)


if __name__ == "__main__":
    mdio_volume()
    mdio_line()
    sharded()
    turned()
    section()
    plain()
