import { describe, expect, it } from 'vitest';
import type { OpenSurvey, Section } from '../../src/api/types';
import { amplitudeAt, boxOf, boxProblem, cut, partBetween, partOf, placeOf, readOut, valuesAt } from '../../src/viewer/picking';

const section: Section = {
  direction: 'inline', line: 110, width: 300, height: 462, levels: 2, tile_size: 256, corners: null,
  horizontal: { label: 'crossline', first: 300, step: 2, count: 300 },
  vertical: { label: 'time', unit: 'ms', first: 4, interval: 4, count: 462 },
};
const survey = { geometry: { type: 'volume' }, samples: { unit: 'ms' } } as OpenSurvey;
const full = (column: number): { width: number; height: number; values: Float32Array } => {
  const width = column === 0 ? 256 : 44;
  return { width, height: 256, values: Float32Array.from({ length: width * 256 }, (_, i) => 1000 * column + i) };
};
const loaded = (place: { level: number; column: number; row: number }) =>
  (place.level === 0 && place.row === 0 ? full(place.column) : undefined);

describe('places and numbers', () => {
  it('agree at the centres of traces and samples', () => {
    expect(valuesAt(section, 0.5, 0.5)).toEqual({ across: 300, down: 4 });
    expect(placeOf(section, 302, 8)).toEqual({ x: 1.5, y: 1.5 });
  });

  it('of a box go there and back', () => {
    const part = partBetween(section, { x: 100.2, y: 200.7 }, { x: 150.1, y: 260 })!;
    expect(part).toEqual({ left: 100, top: 200, width: 51, height: 60 });
    const box = boxOf('f3', section, part)!;
    expect(box.traces).toEqual([500, 600]);
    expect(box.range).toEqual([804, 1040]);
    expect(partOf(section, box.traces, box.range)).toEqual(part);
  });
});

describe('a box', () => {
  it('stays inside the section and is never too small', () => {
    expect(partBetween(section, { x: -50, y: 460 }, { x: 3, y: 900 })).toEqual({ left: 0, top: 454, width: 8, height: 8 });
  });

  it('that was typed is told where it ends, not moved there', () => {
    expect(boxProblem(section, [300, 898], [4, 1848])).toBeNull();
    expect(boxProblem(section, [5000, 6000], [100, 400])).toBe('Crosslines 5000 to 6000 reach beyond this section, which has 300 to 898.');
    expect(boxProblem(section, [310, 400], [100, 1852])).toBe('100 to 1852 ms reach beyond this section, which has 4 to 1848 ms.');
    const down = { ...section, horizontal: { ...section.horizontal, first: 898, step: -2 } };
    expect([boxProblem(down, [898, 300], [100, 400]), boxProblem(down, [900, 300], [100, 400])]).toEqual([null, expect.stringContaining('898 to 300')]);
  });

  it('that was typed too small is told how small, not made larger', () => {
    expect(boxProblem(section, [300, 314], [4, 32])).toBeNull();
    expect(boxProblem(section, [312, 300], [4, 400])).toBe('A box of 7 crosslines and 100 samples is too small to be compared: it needs 8 of each.');
    expect(boxProblem(section, [300, 300], [4, 28])).toContain('of 1 crossline and 7 samples is');
  });

  it('on a slice is no query', () => {
    expect(boxOf('f3', { ...section, direction: 'slice' }, { left: 0, top: 0, width: 9, height: 9 })).toBeNull();
  });
});

describe('the read-out', () => {
  it('names inline, crossline, time and amplitude', () => {
    expect(readOut(survey, section, { x: 257.9, y: 3.2 }, loaded))
      .toEqual({ inline: 110, crossline: 814, trace: null, vertical: 16, unit: 'ms', amplitude: 1000 + 3 * 44 + 1 });
  });

  it('beside the section is none', () => {
    expect(readOut(survey, section, { x: -0.1, y: 3 }, loaded)).toBeNull();
  });

  it('on a slice has the slice’s time and the row’s inline', () => {
    const slice: Section = { ...section, direction: 'slice', line: 800, vertical: { label: 'inline', unit: null, first: 100, interval: 1, count: 462 } };
    expect(readOut(survey, slice, { x: 0, y: 5 }, loaded)).toMatchObject({ inline: 105, crossline: 300, vertical: 800 });
  });
});

describe('amplitudes', () => {
  it('that have not come are not guessed from coarser levels', () => {
    expect(amplitudeAt(section, 0, 300, loaded)).toBeNull();
  });

  it('are cut across tiles', () => {
    const found = cut(section, { left: 254, top: 1, width: 4, height: 2 }, loaded);
    expect([...found.values]).toEqual([510, 511, 1044, 1045, 766, 767, 1088, 1089]);
  });
});
