import { describe, expect, it } from 'vitest';
import { cameraOf, fitted } from '../../src/viewer/camera';
import { extentOf, levelFor, parentOf, standIn, tileCounts, tilesFor, tilesIn } from '../../src/viewer/pyramid';

const pyramid = { width: 10_000, height: 5000, levels: 7, tile_size: 256 };
const view = { width: 800, height: 500 };

describe('the level', () => {
  it('has a sample for each pixel, but not twice as many each way', () => {
    expect(levelFor({ left: 0, top: 0, across: 1, down: 1 }, 1, 7)).toBe(0);
    expect(levelFor({ left: 0, top: 0, across: 0.5, down: 0.5 }, 1, 7)).toBe(1);
    expect(levelFor({ left: 0, top: 0, across: 0.3, down: 0.3 }, 1, 7)).toBe(1);
    expect(levelFor({ left: 0, top: 0, across: 0.25, down: 0.25 }, 1, 7)).toBe(2);
  });

  it('follows the direction that is shown larger, and the screen’s own pixels', () => {
    expect(levelFor({ left: 0, top: 0, across: 0.1, down: 1 }, 1, 7)).toBe(0);
    expect(levelFor({ left: 0, top: 0, across: 0.25, down: 0.25 }, 2, 7)).toBe(1);
  });

  it('ends with the pyramid', () => {
    expect(levelFor({ left: 0, top: 0, across: 1e-5, down: 1e-5 }, 1, 7)).toBe(6);
    expect(levelFor({ left: 0, top: 0, across: 30, down: 30 }, 1, 7)).toBe(0);
  });
});

describe('tiles', () => {
  it('of the whole section are few', () => {
    expect(tilesFor(pyramid, fitted(pyramid, view), view, 1).length).toBeLessThanOrEqual(24);
  });

  it('cover the window exactly', () => {
    const window = { left: 300, right: 1300, top: 250, bottom: 520 };
    const tiles = tilesIn(pyramid, window, 0);
    expect(new Set(tiles.map(({ column }) => column))).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(new Set(tiles.map(({ row }) => row))).toEqual(new Set([0, 1, 2]));
    expect(tiles.length).toBe(15);
  });

  it('in the middle come first', () => {
    const [first] = tilesIn(pyramid, { left: 0, right: 256 * 5, top: 0, bottom: 256 * 3 }, 0);
    expect(first).toEqual({ level: 0, column: 2, row: 1 });
  });

  it('outside the section are not asked for', () => {
    const camera = cameraOf({ left: -500, right: 300, top: -500, bottom: 0 }, view);
    expect(tilesFor(pyramid, camera, view, 1)).toEqual([]);
    const counts = tileCounts(pyramid, 0);
    const all = tilesIn(pyramid, { left: -1e5, right: 1e5, top: -1e5, bottom: 1e5 }, 0);
    expect(all.length).toBe(counts.columns * counts.rows);
  });

  it('at the edge end with the section', () => {
    expect(extentOf(pyramid, { level: 0, column: 39, row: 19 })).toEqual({ left: 9984, right: 10_000, top: 4864, bottom: 5000 });
  });
});

describe('until a tile comes', () => {
  it('its part of the nearest coarser one stands in', () => {
    const wanted = { level: 0, column: 13, row: 5 };
    expect(parentOf(wanted)).toEqual({ level: 1, column: 6, row: 2 });
    const found = standIn(wanted, 7, (place) => (place.level === 3 ? 'coarse' : undefined));
    expect(found).toEqual({ place: { level: 3, column: 1, row: 0 }, content: 'coarse' });
    expect(standIn(wanted, 7, () => undefined)).toBeNull();
  });
});
