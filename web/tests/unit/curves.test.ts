import { expect, it } from 'vitest';
import { curvePath, extentOf } from '../../src/runs/curves';

it('a flat curve runs through the middle, on an axis that its value can be read from', () => {
  const points: [number, number][] = [[1, 0.001], [50, 0.001]];
  const box = extentOf([{ part: '', points }]);
  expect(box).toEqual({ first: 1, last: 50, low: 0.0005, high: 0.0015 });
  expect(curvePath(points, box, 100, 60)).toBe('M0.0 30.0L100.0 30.0');
  expect(extentOf([{ part: '', points: [[1, 0]] }])).toMatchObject({ low: -1, high: 1 });
});
