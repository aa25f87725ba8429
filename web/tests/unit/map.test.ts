import { describe, expect, it } from 'vitest';
import type { Point } from '../../src/api/types';
import type { OpenSurvey } from '../../src/api/types';
import { linesAt } from '../../src/map/bins';
import { framed, inside, scaleBar, thinned, toMap, toScreen, zoomedMap } from '../../src/map/frame';

const square: Point[] = [[0, 0], [0, 4000], [4000, 4000], [4000, 0]];

describe('the map', () => {
  it('has equal scales, X to the right and Y up', () => {
    const frame = framed(square, 428, 228)!;
    expect(frame.scale).toBeCloseTo(0.05, 9);
    const [a, b] = [toScreen(frame, [0, 0]), toScreen(frame, [4000, 4000])];
    expect(b[0] - a[0]).toBeCloseTo(a[1] - b[1], 9);
    expect(b[1]).toBeLessThan(a[1]);
  });

  it('goes there and back, and zooms about a point', () => {
    const frame = zoomedMap(framed(square, 300, 200)!, [70, 60], 3);
    const [x, y] = toScreen(frame, toMap(frame, [12, 34]));
    expect([x, y].map((n) => Number(n.toFixed(6)))).toEqual([12, 34]);
    const before = toMap(framed(square, 300, 200)!, [70, 60]);
    expect(toMap(frame, [70, 60])[0]).toBeCloseTo(before[0], 6);
  });

  it('of nothing, or of no room, is none', () => {
    expect(framed([], 300, 200)).toBeNull();
    expect(framed(square, 10, 10)).toBeNull();
    expect(framed([[5, 5]], 300, 200)!.scale).toBe(1);
  });

  it('has a scale bar of a round length that fits', () => {
    for (const scale of [0.003, 0.05, 0.7, 12]) {
      const { pixels, label } = scaleBar({ scale, centre: [0, 0], width: 300, height: 200 }, 'm', 90);
      expect(pixels).toBeLessThanOrEqual(90 + 1e-9);
      expect(pixels).toBeGreaterThan(90 / 2.6);
      expect(label).toMatch(/^(0\.)?0*[125]0* (m|km)$/);
    }
  });
});

describe('a place on the map', () => {
  // 11 inlines 100 m apart, numbered by twos; 21 crosslines 25 m apart, numbered downwards; turned by 90 degrees.
  const survey = {
    geometry: { type: 'volume', inlines: { first: 10, step: 2, count: 11 }, crosslines: { first: 80, step: -1, count: 21 } },
    outline: [[5000, 0], [5000, 500], [4000, 500], [4000, 0]],
  } as unknown as OpenSurvey;

  it('has an inline and a crossline', () => {
    expect(linesAt(survey, [5000, 0])).toEqual({ inline: 10, crossline: 80 });
    expect(linesAt(survey, [4690, 130])).toEqual({ inline: 16, crossline: 75 });
    expect(linesAt(survey, [4000, 500])).toEqual({ inline: 30, crossline: 60 });
  });

  it('beside the survey has none', () => {
    expect(linesAt(survey, [5001, 100])).toBeNull();
    expect(linesAt({ ...survey, outline: null }, [4500, 100])).toBeNull();
  });
});

describe('a region', () => {
  it('holds what lies inside', () => {
    expect(inside(square, [10, 10])).toBe(true);
    expect(inside(square, [-10, 10])).toBe(false);
    expect(inside([[0, 0], [10, 0], [10, 10], [5, 2], [0, 10]], [5, 8])).toBe(false);
  });

  it('drawn by hand has few corners', () => {
    expect(thinned(Array.from({ length: 1000 }, (_, i): Point => [i, i]), 48).length).toBeLessThanOrEqual(48);
  });
});
