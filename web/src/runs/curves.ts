/** Curves of a run's metrics: one panel a quantity, training and validation in it together. */

import type { Metric } from '../api/types';

export interface Curve {
  /** `train`, `validation`, or empty where the metric's name has no such part. */
  part: string;
  points: [step: number, value: number][];
}

export interface Panel {
  quantity: string;
  curves: Curve[];
}

/**
 * `train/loss` and `validation/loss` are the same quantity of two parts. The quantity that decides which encoder is kept comes first, then
 * what was validated, what was trained by, and what belongs to neither, such as the learning rate.
 */
export function panels(metrics: Metric[], decisive?: string): Panel[] {
  const found = new Map<string, Map<string, Curve['points']>>();
  for (const { name, step, value } of metrics) {
    if (value === null || !Number.isFinite(value)) continue;
    const slash = name.indexOf('/');
    const [part, quantity] = slash < 0 ? ['', name] : [name.slice(0, slash), name.slice(slash + 1)];
    const curves = found.get(quantity) ?? new Map<string, Curve['points']>();
    found.set(quantity, curves);
    const points = curves.get(part) ?? [];
    curves.set(part, points);
    points.push([step, value]);
  }
  const rank = (quantity: string, parts: Map<string, unknown>): number =>
    (`validation/${quantity}` === decisive ? 0 : parts.has('validation') ? 1 : parts.has('train') ? 2 : 3);
  return [...found].sort(([a, its], [b, theirs]) => rank(a, its) - rank(b, theirs)).map(([quantity, curves]) => ({
    quantity,
    curves: [...curves].map(([part, points]) => ({ part, points: points.sort((a, b) => a[0] - b[0]) })),
  }));
}

/** A curve as an SVG path over `width` × `height`, between the ends of all curves of its panel. */
export function curvePath(points: Curve['points'], box: Extent, width: number, height: number): string {
  const x = (step: number): number => ((step - box.first) / (box.last - box.first || 1)) * width;
  const y = (value: number): number => height - ((value - box.low) / (box.high - box.low || 1)) * height;
  return points.map(([step, value], i) => `${i ? 'L' : 'M'}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join('');
}

export interface Extent {
  first: number;
  last: number;
  low: number;
  high: number;
}

/** Shares of something, between 0 and 1. */
const SHARES = /^(mean_average_precision|map)(_|$)|precision|recall|accuracy|reciprocal_rank/i;
/** What differs by less, as a share of its size, is rounding. */
const FLAT = 1e-6;

export function extentOf({ quantity, curves }: Panel): Extent {
  const all = curves.flatMap(({ points }) => points);
  const ends = (axis: 0 | 1): [number, number] => all.reduce<[number, number]>(
    ([low, high], point) => [Math.min(low, point[axis]), Math.max(high, point[axis])], [Infinity, -Infinity],
  );
  const [first, last] = ends(0);
  const [low, high] = ends(1);
  const size = Math.max(Math.abs(low), Math.abs(high));
  // A flat curve runs through the middle, on an axis of its own size: learning rates are small.
  const room = high - low <= FLAT * size ? size / 2 || 1 : 0;
  const [least, most] = SHARES.test(quantity) && low >= 0 && high <= 1 ? [0, 1] : [-Infinity, Infinity];
  return { first, last, low: Math.max(least, low - room), high: Math.min(most, high + room) };
}
