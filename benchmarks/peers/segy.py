"""SEG-Y with segyio and NumPy: python segy.py SURVEY.sgy CONVERTED_TRACES

The file is opened once with reads and once mapped (`SegyFile.mmap`), so that the faster of both can be compared with.
"""

import sys
from importlib.metadata import version

import numpy
import segyio
from peer import serve
from segyio import TraceField

PATH = sys.argv[1]
CONVERTED_TRACES = int(sys.argv[2])

# The fields that refcon looks at in every trace header.
ALL_FIELDS = [
    TraceField.INLINE_3D,
    TraceField.CROSSLINE_3D,
    TraceField.TRACE_SAMPLE_COUNT,
    TraceField.TRACE_SAMPLE_INTERVAL,
    TraceField.DelayRecordingTime,
    TraceField.ScalarTraceHeader,
    TraceField.SourceGroupScalar,
    TraceField.CoordinateUnits,
    TraceField.TraceIdentificationCode,
    TraceField.offset,
    TraceField.CDP_X,
    TraceField.CDP_Y,
]

# The fields needed to place every trace, whatever the order of the file.
NUMBERS = [TraceField.INLINE_3D, TraceField.CROSSLINE_3D]


def open_survey(mapped):
    survey = segyio.open(PATH)
    if mapped and not survey.mmap():
        raise SystemExit("segyio cannot map " + PATH)
    return survey


def scan(fields, mapped):
    """Reads header fields of all traces; returns the sum of all inline and crossline numbers."""
    with segyio.open(PATH, ignore_geometry=True) as survey:
        if mapped:
            survey.mmap()
        columns = [survey.attributes(field)[:] for field in fields]
    return sum(int(column.sum(dtype=numpy.int64)) for column in columns[:2])


def trust(mapped):
    """Opens the survey as a cube: segyio reads a header a line and takes the rest for regular."""
    with open_survey(mapped) as survey:
        return int(survey.ilines.sum(dtype=numpy.int64)) * len(survey.xlines) + int(
            survey.xlines.sum(dtype=numpy.int64)
        ) * len(survey.ilines)


def middle(sections):
    """The sum of the middle amplitudes of sections, read one after the other."""
    return sum(float(section[section.shape[0] // 2, section.shape[1] // 2]) for section in sections)


def all_slices_from_cube():
    """Loads the survey whole and turns it, as most scripts do; then every slice is one piece of memory."""
    cube = numpy.ascontiguousarray(numpy.moveaxis(segyio.tools.cube(PATH), -1, 0))
    return middle(cube)


def convert():
    """Converts the first traces from IBM to native floats, from memory to memory."""
    converted = segyio.tools.native(STORED, format=segyio.SegySampleFormat.IBM_FLOAT_4_BYTE, copy=True)
    return float(converted[len(converted) // 2])


def stored_samples():
    """The samples of the first CONVERTED_TRACES traces as they are stored, without their headers."""
    trace = numpy.dtype([("header", "V240"), ("samples", numpy.single, SAMPLES)])
    traces = numpy.fromfile(PATH, dtype=trace, count=CONVERTED_TRACES, offset=3600)
    return numpy.ascontiguousarray(traces["samples"]).ravel()


def ways(work):
    """The work with reads, and mapped."""
    return {"reads": lambda: work(READ), "mmap": lambda: work(MAPPED)}


READ = open_survey(mapped=False)
MAPPED = open_survey(mapped=True)
SAMPLES = len(READ.samples)
STORED = stored_samples()

serve(
    f"segyio {version('segyio')}",
    {
        "open": {"reads": lambda: trust(False), "mmap": lambda: trust(True)},
        "scan-numbers": {"reads": lambda: scan(NUMBERS, False), "mmap": lambda: scan(NUMBERS, True)},
        "scan": {"reads": lambda: scan(ALL_FIELDS, False), "mmap": lambda: scan(ALL_FIELDS, True)},
        "inlines": ways(lambda survey: middle(survey.iline[:])),
        "crosslines": ways(lambda survey: middle(survey.xline[:])),
        "slice": ways(lambda survey: middle([survey.depth_slice[SAMPLES // 2]])),
        "slices": {
            "cube": all_slices_from_cube,
            "mmap": lambda: middle(MAPPED.depth_slice[:]),
        },
        "convert": {"tools.native": convert},
    },
)
