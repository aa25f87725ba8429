/** Tiles of the surveys with a small descriptor each, so that what is found does look alike. */

import { place, section, SURVEYS, surveyOf } from './surveys.mjs';

const SIZE = { width: 100, height: 118 };

/** Amplitudes of a rectangle of a section, every `step`th trace and sample. */
export function patch(made, left, top, width, height, step = 1) {
  const [columns, rows] = [Math.ceil(width / step), Math.ceil(height / step)];
  const values = new Float32Array(columns * rows);
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) values[y * columns + x] = made.at(left + x * step, top + y * step);
  return { width: columns, height: rows, values };
}

/** Loudness, how unequal it is, and how fast amplitudes change across and down. */
function descriptor({ width, height, values }, scale) {
  let [loud, across, down] = [0, 0, 0];
  const bands = [0, 0, 0, 0];
  for (let y = 1; y < height; y++) {
    for (let x = 1; x < width; x++) {
      const value = values[y * width + x] / scale;
      loud += Math.abs(value);
      across += Math.abs(value - values[y * width + x - 1] / scale);
      down += Math.abs(value - values[(y - 1) * width + x] / scale);
      bands[Math.floor((4 * y) / height)] += Math.abs(value);
    }
  }
  const shape = bands.map((band) => band / (loud || 1));
  return [Math.log(1e-3 + loud / values.length) / 2, across / (loud || 1), down / (loud || 1), ...shape];
}

function cutTiles(survey, direction, line, scale) {
  const made = section(survey, direction, line);
  const { horizontal, vertical } = made;
  const tiles = [];
  for (let left = 0; left + SIZE.width <= made.width; left += made.width > 1000 ? 700 : 80) {
    for (let top = 0; top + SIZE.height <= made.height; top += made.height > 1000 ? 600 : 86) {
      const traces = [horizontal.first + left * horizontal.step, horizontal.first + (left + SIZE.width - 1) * horizontal.step];
      const from = vertical.first + top * vertical.interval;
      tiles.push({
        survey: survey.id, file: `${survey.id}/${direction}-${line}/${left}-${top}.png`, ...SIZE, class: null,
        place: {
          direction, line, ...ends(direction, line, traces), from, to: from + (SIZE.height - 1) * vertical.interval,
          domain: vertical.label, unit: vertical.unit, corners: place(survey, direction, line, traces),
        },
        cut: { left, top },
        descriptor: descriptor(patch(made, left, top, SIZE.width, SIZE.height, 4), scale),
      });
    }
  }
  return tiles;
}

const ends = (direction, line, [a, b]) => (direction === 'inline'
  ? { first_inline: line, last_inline: line, first_crossline: a, last_crossline: b }
  : { first_inline: a, last_inline: b, first_crossline: line, last_crossline: line });

let tiles = null;

/** Made when first asked for. */
export function allTiles() {
  if (tiles) return tiles;
  const [volume, line] = SURVEYS;
  tiles = [];
  for (let number = 1000; number < 1400; number += 40) tiles.push(...cutTiles(volume, 'inline', number, volume.clip.p99));
  for (let number = 2000; number < 2420; number += 40) tiles.push(...cutTiles(volume, 'crossline', number, volume.clip.p99));
  tiles.push(...cutTiles(line, 'inline', 7, line.clip.p99));
  tiles.forEach((tile, i) => (tile.id = i));
  return tiles;
}

export const shown = ({ cut: _cut, descriptor: _descriptor, ...tile }) => tile;

export const picture = (tile) =>
  patch(section(surveyOf(tile.survey), tile.place.direction, tile.place.line), tile.cut.left, tile.cut.top, tile.width, tile.height);

const distance = (a, b) => Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0));
const mean = (all) => all[0].map((_, i) => all.reduce((sum, one) => sum + one[i], 0) / all.length);

/** The box cut out, and its part of the section. */
export function boxPatch(query) {
  const survey = surveyOf(query.survey);
  const made = section(survey, query.direction, query.line);
  const { horizontal, vertical } = made;
  const index = (value, first, step, count) => Math.min(count - 1, Math.max(0, Math.round((value - first) / step)));
  const [left, right] = query.traces.map((trace) => index(trace, horizontal.first, horizontal.step, horizontal.count));
  const [top, bottom] = query.range.map((time) => index(time, vertical.first, vertical.interval, vertical.count));
  return { survey, amplitudes: patch(made, left, top, right - left + 1, bottom - top + 1) };
}

function wanted(query) {
  const of = (id) => allTiles().find((tile) => String(tile.id) === String(id))?.descriptor;
  if (query.kind === 'tile') return of(query.id);
  if (query.kind === 'image') return allTiles()[40].descriptor;
  const box = query.kind === 'box' ? query : query.box;
  const own = box ? [boxPatch(box)].map(({ survey, amplitudes }) => descriptor(amplitudes, survey.clip.p99)) : [];
  if (query.kind === 'box') return own[0];
  const target = mean([...own, ...query.like.map(of).filter(Boolean)]);
  const unlike = query.unlike.map(of).filter(Boolean);
  return unlike.length ? target.map((value, i) => value + 0.3 * (value - mean(unlike)[i])) : target;
}

function inside(polygon, [x, y]) {
  let found = false;
  polygon.forEach(([x1, y1], i) => {
    const [x0, y0] = polygon[(i + polygon.length - 1) % polygon.length];
    if (y1 > y !== y0 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) found = !found;
  });
  return found;
}

function passes(tile, filters) {
  const between = (range, low, high) => !range || (high >= range[0] && low <= range[1]);
  return (filters.surveys.length === 0 || filters.surveys.includes(tile.survey))
    && !filters.not_surveys.includes(tile.survey)
    && (filters.directions.length === 0 || filters.directions.includes(tile.place.direction))
    && between(filters.lines, tile.place.line, tile.place.line)
    && between(filters.range, tile.place.from, tile.place.to)
    && (filters.classes.length === 0 || filters.classes.includes(tile.class))
    && (!filters.region || tile.place.corners.some((corner) => inside(filters.region, corner)));
}

export function search(request) {
  const target = wanted(request.query);
  if (!target) return null;
  const passed = allTiles().filter((tile) => passes(tile, request.filters));
  const found = passed
    .map((tile) => ({ tile, distance: distance(tile.descriptor, target) / 3 }))
    .sort((a, b) => a.distance - b.distance || a.tile.id - b.tile.id);
  // A tile is not among its own look-alikes.
  const others = found.filter(({ tile }) => request.query.kind !== 'tile' || String(tile.id) !== String(request.query.id));
  const kept = request.per_survey === null ? others : others.filter((match, rank) =>
    others.slice(0, rank).filter(({ tile }) => tile.survey === match.tile.survey).length < request.per_survey);
  return {
    matches: kept.slice(0, request.k).map((match) => ({
      tile: shown(match.tile), distance: match.distance, confidence: Math.exp(-(match.distance * 5)),
      thumbnail: `/api/tiles/${match.tile.id}/picture.png`,
    })),
    tiles_searched: allTiles().length, tiles_passed: passed.length, same_place: 0,
    of_query: found.length - others.length, survey_full: others.length - kept.length,
  };
}
