import { expect, it } from 'vitest';
import { curvePath, extentOf, panels } from '../../src/runs/curves';

it('what decides comes first, the learning rate last', () => {
  const names = ['learning_rate', 'train/loss', 'validation/rank', 'train/rank', 'validation/map_at_r'];
  const metrics = names.map((name) => ({ step: 1, epoch: 1, name, value: 1 }));
  expect(panels(metrics, 'validation/map_at_r').map(({ quantity }) => quantity)).toEqual(['map_at_r', 'rank', 'loss', 'learning_rate']);
});

it('a flat curve runs through the middle, on an axis that its value can be read from', () => {
  const points: [number, number][] = [[1, 0.001], [50, 0.001]];
  const box = extentOf([{ part: '', points }]);
  expect(box).toEqual({ first: 1, last: 50, low: 0.0005, high: 0.0015 });
  expect(curvePath(points, box, 100, 60)).toBe('M0.0 30.0L100.0 30.0');
  expect(extentOf([{ part: '', points: [[1, 0]] }])).toMatchObject({ low: -1, high: 1 });
});
