import { describe, expect, it } from 'vitest';
import { cameraOf, fitted, kept, panned, resized, showing, windowOf, zoomed } from '../../src/viewer/camera';

const section = { width: 10_000, height: 5000 };
const view = { width: 800, height: 500 };

describe('the camera', () => {
  it('fits the whole section', () => {
    expect(windowOf(fitted(section, view), view)).toEqual({ left: 0, right: 10_000, top: 0, bottom: 5000 });
  });

  it('zooms about a point that stays where it is', () => {
    const before = cameraOf({ left: 2000, right: 4000, top: 1000, bottom: 2000 }, view);
    const about = { x: 300, y: 100 };
    const after = zoomed(before, about, 2, 3, section, view);
    expect(after.left + about.x / after.across).toBeCloseTo(before.left + about.x / before.across, 9);
    expect(after.top + about.y / after.down).toBeCloseTo(before.top + about.y / before.down, 9);
    expect(after.across / before.across).toBeCloseTo(2, 9);
    expect(after.down / before.down).toBeCloseTo(3, 9);
  });

  it('zooms back to where it was', () => {
    const before = cameraOf({ left: 2000, right: 4000, top: 1000, bottom: 2000 }, view);
    const there = zoomed(before, { x: 10, y: 20 }, 2, 2, section, view);
    const back = zoomed(there, { x: 10, y: 20 }, 0.5, 0.5, section, view);
    for (const key of ['left', 'top', 'across', 'down'] as const) expect(back[key]).toBeCloseTo(before[key], 6);
  });

  it('neither zooms beyond single amplitudes nor far out', () => {
    let camera = fitted(section, view);
    for (let i = 0; i < 60; i++) camera = zoomed(camera, { x: 0, y: 0 }, 2, 2, section, view);
    expect(camera.across).toBe(64);
    for (let i = 0; i < 60; i++) camera = zoomed(camera, { x: 0, y: 0 }, 0.5, 0.5, section, view);
    expect(camera.across).toBeCloseTo(view.width / section.width / 2, 9);
  });

  it('does not lose the section when panned', () => {
    const camera = panned(fitted(section, view), 1e6, -1e6, section, view);
    const { left, right, top, bottom } = windowOf(camera, view);
    expect(right).toBeGreaterThan(0);
    expect(left).toBeLessThan(section.width);
    expect(bottom).toBeGreaterThan(0);
    expect(top).toBeLessThan(section.height);
  });

  it('shows a part in the middle, neither tiny nor too large', () => {
    const part = { left: 7000, top: 2000, width: 100, height: 118 };
    const camera = showing(part, fitted(section, view), section, view);
    const seen = windowOf(camera, view);
    expect((seen.left + seen.right) / 2).toBeCloseTo(7050, 6);
    expect((seen.top + seen.bottom) / 2).toBeCloseTo(2059, 6);
    expect(part.width * camera.across).toBeGreaterThanOrEqual(view.width / 8 - 1e-9);
    expect(part.height * camera.down).toBeLessThanOrEqual(0.6 * view.height + 1e-9);
  });

  it('stays fitted when the view grows, and keeps its scale when zoomed', () => {
    const larger = { width: 1200, height: 900 };
    expect(resized(fitted(section, view), view, larger, section)).toEqual(fitted(section, larger));
    const near = kept(cameraOf({ left: 2000, right: 4000, top: 1000, bottom: 2000 }, view), section, view);
    const after = resized(near, view, larger, section);
    expect([after.across, after.down]).toEqual([near.across, near.down]);
    const middle = (camera: typeof near, size: typeof view): number => camera.left + size.width / 2 / camera.across;
    expect(middle(after, larger)).toBeCloseTo(middle(near, view), 9);
  });
});
