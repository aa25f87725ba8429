/** Colour maps, with the colours of `refcon-image`. */

import type { Colours } from '../api/types';
import { VIRIDIS } from './viridis';

export const COLOURS: Colours[] = ['grey', 'red-white-blue', 'viridis'];
export const LEVELS = 256;

/** The corners of Matplotlib's `seismic` map, equally spaced. */
const SEISMIC = [[0, 0, 0.3], [0, 0, 1], [1, 1, 1], [1, 0, 0], [0.5, 0, 0]] as const;

type Rgb = [number, number, number];

/** 0..1 to 0..255; what is outside gets the nearer end, NaN gets 0. */
function level(value: number): number {
  return Number.isNaN(value) ? 0 : Math.round(255 * Math.min(1, Math.max(0, value)));
}

const viridis = Uint8Array.from(atob(VIRIDIS), (letter) => letter.charCodeAt(0));

/** The colour of a value in 0..1, sRGB. */
export function rgb(colours: Colours, value: number): Rgb {
  if (colours === 'grey') return [level(value), level(value), level(value)];
  if (colours === 'viridis') {
    const first = 3 * level(value);
    return [viridis[first]!, viridis[first + 1]!, viridis[first + 2]!];
  }
  const place = (Number.isNaN(value) ? 0 : Math.min(1, Math.max(0, value))) * (SEISMIC.length - 1);
  const below = Math.min(Math.floor(place), SEISMIC.length - 2);
  const share = place - below;
  const [low, high] = [SEISMIC[below]!, SEISMIC[below + 1]!];
  return [0, 1, 2].map((channel) => level(low[channel]! + share * (high[channel]! - low[channel]!))) as Rgb;
}

const tables = new Map<string, Uint8ClampedArray<ArrayBuffer>>();

/** The map's 256 colours, R, G, B, A; reversed where the polarity is flipped. */
export function table(colours: Colours, flipped: boolean): Uint8ClampedArray<ArrayBuffer> {
  const name = `${colours} ${flipped}`;
  let found = tables.get(name);
  if (!found) {
    found = new Uint8ClampedArray(4 * LEVELS);
    for (let i = 0; i < LEVELS; i++) {
      const value = i / (LEVELS - 1);
      found.set([...rgb(colours, flipped ? 1 - value : value), 255], 4 * i);
    }
    tables.set(name, found);
  }
  return found;
}

/** Where in the table an amplitude stands: −clip at the first colour, +clip at the last. */
export function colourIndex(amplitude: number, clip: number): number {
  return level(0.5 + amplitude / (2 * clip));
}
