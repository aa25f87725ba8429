/** The map's projection: X to the right, Y up, equal scales. */

import type { Point } from '../api/types';
import { roundStep } from '../viewer/axes';

export interface MapFrame {
  /** Pixels a map unit. */
  scale: number;
  /** The map point in the middle of the view. */
  centre: Point;
  width: number;
  height: number;
}

const MARGIN = 14;

export function bounds(points: Point[]): { low: Point; high: Point } | null {
  if (points.length === 0) return null;
  const of = (axis: 0 | 1, pick: (...values: number[]) => number): number =>
    points.reduce((found, point) => pick(found, point[axis]), points[0]![axis]);
  return { low: [of(0, Math.min), of(1, Math.min)], high: [of(0, Math.max), of(1, Math.max)] };
}

/** The frame that shows all points. */
export function framed(points: Point[], width: number, height: number): MapFrame | null {
  const found = bounds(points);
  if (!found || width <= 2 * MARGIN || height <= 2 * MARGIN) return null;
  const span = [found.high[0] - found.low[0], found.high[1] - found.low[1]] as const;
  const scale = Math.min((width - 2 * MARGIN) / Math.max(span[0], 1e-9), (height - 2 * MARGIN) / Math.max(span[1], 1e-9));
  return {
    // A single point has no extent to fill the view with.
    scale: Number.isFinite(scale) && Math.max(...span) > 0 ? scale : 1,
    centre: [(found.low[0] + found.high[0]) / 2, (found.low[1] + found.high[1]) / 2],
    width,
    height,
  };
}

export function toScreen(frame: MapFrame, [x, y]: Point): Point {
  return [
    frame.width / 2 + (x - frame.centre[0]) * frame.scale,
    frame.height / 2 - (y - frame.centre[1]) * frame.scale,
  ];
}

export function toMap(frame: MapFrame, [x, y]: Point): Point {
  return [
    frame.centre[0] + (x - frame.width / 2) / frame.scale,
    frame.centre[1] - (y - frame.height / 2) / frame.scale,
  ];
}

export function zoomedMap(frame: MapFrame, about: Point, factor: number): MapFrame {
  const fixed = toMap(frame, about);
  const scale = frame.scale * factor;
  return {
    ...frame,
    scale,
    centre: [fixed[0] - (about[0] - frame.width / 2) / scale, fixed[1] + (about[1] - frame.height / 2) / scale],
  };
}

/** A scale bar of a round length, at most `room` pixels long. */
export function scaleBar(frame: MapFrame, unit: string | null, room: number): { pixels: number; label: string } {
  const step = roundStep(room / frame.scale, 1);
  // `roundStep` rounds up; a bar must not be longer than its room.
  const length = step * frame.scale > room ? smaller(step) : step;
  const label = unit === 'm' && length >= 1000 ? `${length / 1000} km` : `${Number(length.toPrecision(3))} ${unit ?? ''}`.trim();
  return { pixels: length * frame.scale, label };
}

/** The next smaller of 1, 2, 5 times a power of ten. */
function smaller(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step) + 1e-9);
  const lead = Math.round(step / power);
  return lead === 5 ? 2 * power : lead === 2 ? power : power / 2;
}

/** Whether a point lies inside a polygon (even–odd). */
export function inside(polygon: Point[], [x, y]: Point): boolean {
  let found = false;
  polygon.forEach(([x1, y1], i) => {
    const [x0, y0] = polygon[(i + polygon.length - 1) % polygon.length]!;
    if (y1 > y !== y0 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) found = !found;
  });
  return found;
}

/** A drawn curve with at most `most` of its points. */
export function thinned(points: Point[], most: number): Point[] {
  const every = Math.max(1, Math.ceil(points.length / most));
  return points.filter((_, i) => i % every === 0);
}
