import { expect, it } from 'vitest';
import { tickLabel, ticks } from '../../src/viewer/axes';
import { curvePath, extentOf, panels } from '../../src/runs/curves';

it('what decides comes first, the learning rate last', () => {
  const names = ['learning_rate', 'train/loss', 'validation/rank', 'train/rank', 'validation/map_at_r'];
  const metrics = names.map((name) => ({ step: 1, epoch: 1, name, value: 1 }));
  expect(panels(metrics, 'validation/map_at_r').map(({ quantity }) => quantity)).toEqual(['map_at_r', 'rank', 'loss', 'learning_rate']);
});

it('a flat curve runs through the middle, on an axis that its value can be read from', () => {
  const points: [number, number][] = [[1, 0.001], [50, 0.001]];
  const box = extentOf({ quantity: 'learning_rate', curves: [{ part: '', points }] });
  expect(box).toEqual({ first: 1, last: 50, low: 0.0005, high: 0.0015 });
  expect(curvePath(points, box, 100, 60)).toBe('M0.0 30.0L100.0 30.0');
  expect(extentOf({ quantity: 'loss', curves: [{ part: '', points: [[1, 0]] }] })).toMatchObject({ low: -1, high: 1 });
});

it('a measure that ends at 1 has no axis beyond 1, and its ticks differ', () => {
  for (const quantity of ['map_at_r', 'mAP', 'r_precision', 'precision_at_10', 'view_reciprocal_rank']) {
    for (const [a, b] of [[1, 1], [0.93, 0.93], [0, 0], [0.999_98, 1], [1 - 1e-9, 1]] as const) {
      const box = extentOf({ quantity, curves: [{ part: 'validation', points: [[1, a], [2, b]] }] });
      expect([box.low >= 0, box.high <= 1, box.high > box.low]).toEqual([true, true, true]);
      const { values, step } = ticks(box.low, box.high, 5);
      const labels = values.map((value) => tickLabel(value, step));
      expect(labels.length).toBeGreaterThan(1);
      expect(new Set(labels).size, labels.join()).toBe(labels.length);
    }
  }
  expect(extentOf({ quantity: 'loss', curves: [{ part: '', points: [[1, 1]] }] }).high).toBe(1.5);
});
