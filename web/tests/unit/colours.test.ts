/// <reference types="node" />
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { colourIndex, rgb, table } from '../../src/viewer/colours';

const image = new URL('../../../crates/refcon-image/', import.meta.url);

describe('colour maps', () => {
  it('of viridis are the table of refcon-image', () => {
    const expected = readFileSync(new URL('assets/viridis.rgb', image));
    const found = Array.from({ length: 256 }, (_, i) => rgb('viridis', i / 255)).flat();
    expect(Buffer.from(found).equals(expected)).toBe(true);
  });

  it('have the colours that refcon-image’s own test expects', () => {
    const source = readFileSync(new URL('src/colour_map.rs', image), 'utf8');
    const cases = [...source.matchAll(/\(ColourMap::(\w+), ([\d.]+), \[(\d+), (\d+), (\d+)\]\)/g)];
    expect(cases.length).toBeGreaterThanOrEqual(9);
    const names = { Viridis: 'viridis', Seismic: 'red-white-blue', Grey: 'grey' } as const;
    for (const [text, map, value, ...colour] of cases) {
      expect(rgb(names[map as keyof typeof names], Number(value)), text).toEqual(colour.map(Number));
    }
  });

  it('of red, white and blue have the corners that refcon-image has', () => {
    const source = readFileSync(new URL('src/colour_map.rs', image), 'utf8');
    const corners = [...source.matchAll(/const SEISMIC[^=]*=\s*\[(.*)\];/g)][0]![1]!.matchAll(/\[([\d., ]+)\]/g);
    [...corners].forEach(([, corner], i) => {
      expect(rgb('red-white-blue', i / 4)).toEqual(corner!.split(',').map((part) => Math.round(255 * Number(part))));
    });
  });

  it('give what is outside the colours of the ends, and NaN that of 0', () => {
    for (const map of ['grey', 'red-white-blue', 'viridis'] as const) {
      expect(rgb(map, -3)).toEqual(rgb(map, 0));
      expect(rgb(map, Infinity)).toEqual(rgb(map, 1));
      expect(rgb(map, NaN)).toEqual(rgb(map, 0));
    }
  });

  it('are turned round by the polarity', () => {
    expect([...table('viridis', true).slice(0, 3)]).toEqual(rgb('viridis', 1));
    expect([...table('grey', false).slice(-4)]).toEqual([255, 255, 255, 255]);
  });
});

describe('amplitudes', () => {
  it('of nothing stand in the middle, of the clip at the ends', () => {
    expect(colourIndex(0, 7)).toBe(128);
    expect(colourIndex(7, 7)).toBe(255);
    expect(colourIndex(-7, 7)).toBe(0);
    expect(colourIndex(-1e9, 7)).toBe(0);
  });
});
