/** From places on a section to the numbers people know (inline, crossline, ms or m), and back. */

import type { Amplitudes } from '../api/client';
import type { BoxQuery, OpenSurvey, Place, Section } from '../api/types';
import type { TilePlace } from './pyramid';
import { extentOf, tilesIn } from './pyramid';

/** A part of a section, in traces and samples. */
export interface Part {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A box has at least so many traces and samples. */
export const LEAST_BOX = 8;

const axes = (section: Section): { across: { first: number; step: number }; down: { first: number; step: number } } => ({
  across: section.horizontal,
  down: { first: section.vertical.first, step: section.vertical.interval },
});

/** The axes' values at a place; place `i + 0.5` is the centre of trace `i` and has its very number. */
export function valuesAt(section: Section, x: number, y: number): { across: number; down: number } {
  const { across, down } = axes(section);
  return { across: across.first + (x - 0.5) * across.step, down: down.first + (y - 0.5) * down.step };
}

export function placeOf(section: Section, across: number, down: number): { x: number; y: number } {
  const axis = axes(section);
  return { x: (across - axis.across.first) / axis.across.step + 0.5, y: (down - axis.down.first) / axis.down.step + 0.5 };
}

/** The whole traces and samples between two corners, inside the section and not too few; null where that has no room. */
export function partBetween(section: Section, a: { x: number; y: number }, b: { x: number; y: number }): Part | null {
  const side = (from: number, to: number, count: number): [number, number] | null => {
    if (count < LEAST_BOX) return null;
    const first = Math.max(0, Math.min(Math.floor(Math.min(from, to)), count - LEAST_BOX));
    const end = Math.min(count, Math.max(Math.ceil(Math.max(from, to)), first + LEAST_BOX));
    return [first, end - first];
  };
  const across = side(a.x, b.x, section.width);
  const down = side(a.y, b.y, section.height);
  return across && down ? { left: across[0], width: across[1], top: down[0], height: down[1] } : null;
}

/** Why a box that was typed cannot be searched, in words for the person; null where it can. */
export function boxProblem(section: Section, traces: [number, number], range: [number, number]): string | null {
  const { horizontal, vertical } = section;
  const across = beyond(traces, horizontal.first, horizontal.step, section.width);
  const kind = `${horizontal.label}s`;
  if (across) return `${kind[0]!.toUpperCase()}${kind.slice(1)} ${traces.join(' to ')} reach beyond this section, which has ${across}.`;
  const down = beyond(range, vertical.first, vertical.interval, section.height);
  const unit = vertical.unit ?? '';
  if (down) return `${range.join(' to ')} ${unit} reach beyond this section, which has ${down} ${unit}.`;
  const part = partOf(section, traces, range);
  const whole = (from: number, length: number): number => Math.ceil(from + length) - Math.floor(from);
  const [columns, rows] = [whole(part.left, part.width), whole(part.top, part.height)];
  if (columns >= LEAST_BOX && rows >= LEAST_BOX) return null;
  const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
  return `A box of ${counted(columns, horizontal.label)} and ${counted(rows, 'sample')} is too small to be compared: it needs ${LEAST_BOX} of each.`;
}

/** The ends of an axis in words, where one of two values is not between them. */
function beyond(values: [number, number], first: number, step: number, count: number): string | null {
  const last = round(first + (count - 1) * step);
  const slack = 1e-6 * Math.abs(step);
  const inside = values.every((value) => value >= Math.min(first, last) - slack && value <= Math.max(first, last) + slack);
  return inside ? null : `${first} to ${last}`;
}

export function boxOf(survey: string, section: Section, part: Part): BoxQuery | null {
  if (section.direction === 'slice') return null;
  const { across, down } = axes(section);
  const end = (first: number, step: number, start: number, count: number): [number, number] =>
    [round(first + start * step), round(first + (start + count - 1) * step)];
  return {
    kind: 'box',
    survey,
    direction: section.direction,
    line: section.line,
    traces: end(across.first, across.step, part.left, part.width),
    range: end(down.first, down.step, part.top, part.height),
  };
}

/** Rounding of the axis arithmetic must not show in a link. */
const round = (value: number): number => Number(value.toPrecision(9));

export function partOf(section: Section, traces: [number, number], range: [number, number]): Part {
  const [a, b] = [placeOf(section, traces[0], range[0]), placeOf(section, traces[1], range[1])];
  return {
    left: Math.min(a.x, b.x) - 0.5,
    top: Math.min(a.y, b.y) - 0.5,
    width: Math.abs(b.x - a.x) + 1,
    height: Math.abs(b.y - a.y) + 1,
  };
}

/** A place's first and last trace on its section's axis. */
export function tracesOf(place: Place): [number, number] {
  return place.direction === 'inline' ? [place.first_crossline, place.last_crossline] : [place.first_inline, place.last_inline];
}

/** What stands under the cursor, in words of the survey. */
export interface ReadOut {
  inline: number | null;
  crossline: number | null;
  trace: number | null;
  vertical: number;
  unit: string;
  amplitude: number | null;
}

export function readOut(
  survey: OpenSurvey, section: Section, at: { x: number; y: number }, loaded: (place: TilePlace) => Amplitudes | undefined,
): ReadOut | null {
  const [column, row] = [Math.floor(at.x), Math.floor(at.y)];
  if (column < 0 || row < 0 || column >= section.width || row >= section.height) return null;
  const { across, down } = valuesAt(section, column + 0.5, row + 0.5);
  const isLine = survey.geometry.type === 'line';
  const slice = section.direction === 'slice';
  return {
    inline: section.direction === 'inline' ? section.line : slice ? down : across,
    crossline: isLine ? null : section.direction === 'crossline' ? section.line : across,
    trace: isLine ? across : null,
    vertical: slice ? section.line : down,
    unit: survey.samples.unit,
    amplitude: amplitudeAt(section, column, row, loaded),
  };
}

/** The amplitude of a sample; null until its tile of full resolution is there (means of a coarser one are not amplitudes). */
export function amplitudeAt(
  section: Section, column: number, row: number, loaded: (place: TilePlace) => Amplitudes | undefined,
): number | null {
  const size = section.tile_size;
  const tile = loaded({ level: 0, column: Math.floor(column / size), row: Math.floor(row / size) });
  return tile?.values[(row % size) * tile.width + (column % size)] ?? null;
}

/** The amplitudes of a part, cut from loaded tiles of full resolution; NaN where one is missing. */
export function cut(section: Section, part: Part, loaded: (place: TilePlace) => Amplitudes | undefined): Amplitudes {
  const [left, top, width, height] = [part.left, part.top, part.width, part.height].map(Math.round) as [number, number, number, number];
  const values = new Float32Array(width * height).fill(NaN);
  const window = { left, right: left + width, top, bottom: top + height };
  for (const place of tilesIn(section, window, 0)) {
    const tile = loaded(place);
    if (!tile) continue;
    const extent = extentOf(section, place);
    const [from, to] = [Math.max(left, extent.left), Math.min(window.right, extent.right)];
    for (let y = Math.max(top, extent.top); y < Math.min(window.bottom, extent.bottom); y++) {
      const row = (y - extent.top) * tile.width - extent.left;
      values.set(tile.values.subarray(row + from, row + to), (y - top) * width + from - left);
    }
  }
  return { width, height, values };
}
