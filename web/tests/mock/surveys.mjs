/** A volume, a long 2-D line (10 000 × 5 000), a survey whose file is gone, one that is not indexed. */

import { geology } from './geology.mjs';

export const TILE_SIZE = 256;

const volume = {
  id: 'harbour-3d', name: 'Harbour 3-D', kind: 'SEG-Y', available: true, problem: null,
  geometry: { type: 'volume', inlines: { first: 1000, step: 2, count: 200 }, crosslines: { first: 2000, step: 1, count: 420 } },
  samples: { domain: 'time', unit: 'ms', first: 0, interval: 4, count: 462 },
  map_unit: 'm', epsg: 23031, polarity: 'normal',
  earth: geology({ seed: 11, period: 9, width: 420, samples: 462, scale: 1800 }),
  clip: { p99: 2100, p995: 2500, p999: 3200 },
};
const line = {
  id: 'coast-line-7', name: 'Coast, line 7', kind: 'SEG-Y', available: true, problem: null,
  geometry: { type: 'line', line: 7, traces: { first: 101, step: 1, count: 10_000 } },
  samples: { domain: 'time', unit: 'ms', first: 0, interval: 2, count: 5000 },
  map_unit: 'm', epsg: 23031, polarity: null,
  earth: geology({ seed: 5, period: 22, width: 10_000, samples: 5000, scale: 0.8 }),
  clip: { p99: 0.95, p995: 1.15, p999: 1.5 },
};
const missing = {
  ...volume, id: 'delta-1998', name: 'Delta 1998 (vintage)', available: false,
  problem: 'delta-1998.sgy is not where it was indexed; put it back, or index it again',
};
const unindexed = {
  ...volume, id: 'harbour-2024', name: 'Harbour 2024', samples: { ...volume.samples, count: 384 },
};

/** A bin's X and Y: the grid is turned by 24 degrees. */
function bin(inline, crossline) {
  const [along, up] = [25 * (crossline - 2000), 12.5 * (inline - 1000)];
  const turn = (24 * Math.PI) / 180;
  return [605_800 + along * Math.cos(turn) - up * Math.sin(turn), 6_073_500 + along * Math.sin(turn) + up * Math.cos(turn)];
}

/** The 2-D line's shot track, with a bend. */
function onTrack(trace) {
  const at = trace - 101;
  return [602_000 + 1.6 * at, 6_072_000 + 0.75 * at + (at > 6000 ? 0.9 * (at - 6000) : 0)];
}

volume.outline = [bin(1000, 2000), bin(1000, 2419), bin(1398, 2419), bin(1398, 2000)];
line.outline = [onTrack(101), onTrack(6101), onTrack(10_100)];
unindexed.outline = volume.outline;
missing.outline = volume.outline.map(([x, y]) => [x - 6000, y + 9000]);

export const SURVEYS = [volume, line, missing, unindexed];

export const surveyOf = (id) => SURVEYS.find((survey) => survey.id === id);

export function place(survey, direction, line, traces) {
  if (survey.geometry.type === 'line') return [onTrack(traces[0]), onTrack(traces[1])];
  return direction === 'inline' ? [bin(line, traces[0]), bin(line, traces[1])] : [bin(traces[0], line), bin(traces[1], line)];
}

const last = ({ first, step, count }) => first + (count - 1) * step;

/** A section's description and the amplitude of its trace and sample; null where the survey has no such line. */
export function section(survey, direction, wanted) {
  const { geometry, samples, earth } = survey;
  const vertical = { label: samples.domain, unit: samples.unit, first: samples.first, interval: samples.interval, count: samples.count };
  const on = (numbers) => {
    const index = Math.round((wanted - numbers.first) / numbers.step);
    return index >= 0 && index < numbers.count ? index : null;
  };
  let made;
  if (geometry.type === 'line') {
    if (direction !== 'inline' || wanted !== geometry.line) return null;
    made = { horizontal: { label: 'trace', ...geometry.traces }, vertical, line: wanted, at: (x, y) => earth(x, 0, y) };
    made.corners = place(survey, direction, wanted, [geometry.traces.first, last(geometry.traces)]);
  } else if (direction === 'slice') {
    const index = on({ first: samples.first, step: samples.interval, count: samples.count });
    if (index === null) return null;
    const { first, step, count } = geometry.inlines;
    made = {
      horizontal: { label: 'crossline', ...geometry.crosslines }, vertical: { label: 'inline', unit: null, first, interval: step, count },
      line: samples.first + index * samples.interval, corners: null, at: (x, z) => earth(x, z, index),
    };
  } else {
    const [own, other] = direction === 'inline' ? [geometry.inlines, geometry.crosslines] : [geometry.crosslines, geometry.inlines];
    const index = on(own);
    if (index === null) return null;
    made = {
      horizontal: { label: direction === 'inline' ? 'crossline' : 'inline', ...other }, vertical, line: own.first + index * own.step,
      at: direction === 'inline' ? (x, y) => earth(x, index, y) : (z, y) => earth(index, z, y),
    };
    made.corners = place(survey, direction, made.line, [other.first, last(other)]);
  }
  const [width, height] = [made.horizontal.count, made.vertical.count];
  let levels = 1;
  while (Math.max(width, height) / 2 ** (levels - 1) > TILE_SIZE) levels++;
  return { direction, width, height, levels, tile_size: TILE_SIZE, ...made };
}

/** A tile of the pyramid: the mean of a few samples of each cell stands for all of them. */
export function pyramidTile(made, level, column, row) {
  const step = 2 ** level;
  const side = TILE_SIZE * step;
  const width = Math.ceil(Math.min(side, made.width - column * side) / step);
  const height = Math.ceil(Math.min(side, made.height - row * side) / step);
  if (!(width > 0 && height > 0) || level >= made.levels) return null;
  const taps = level === 0 ? [0] : [0.25, 0.75];
  const values = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const tap of taps) {
        const place = (i, start, count) => Math.min(count - 1, start + i * step + Math.floor(tap * step));
        sum += made.at(place(x, column * side, made.width), place(y, row * side, made.height));
      }
      values[y * width + x] = sum / taps.length;
    }
  }
  return { width, height, values };
}
