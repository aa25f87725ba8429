import { describe, expect, it, vi } from 'vitest';
import type { OpenSurvey, Section } from '../../src/api/types';

// The view's state asks the browser for its colours.
vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }));
vi.stubGlobal('localStorage', { getItem: () => null });
const { amplitudeAt } = await import('../../src/state/catalogue');
const { lineName, lineProblem, linesOf, middle, nearest } = await import('../../src/state/lines');
const { exaggeration } = await import('../../src/viewer/exaggeration');
const { commonScale } = await import('../../src/results/Cards');
const { panels } = await import('../../src/runs/curves');

const survey = {
  id: 's', name: 'S', samples: { domain: 'time', unit: 'ms', first: 0, interval: 4, count: 462 }, map_unit: 'm',
  geometry: { type: 'volume', inlines: { first: 100, step: 2, count: 50 }, crosslines: { first: 900, step: -1, count: 300 } },
} as unknown as OpenSurvey;

describe('the clip', () => {
  const clip = { p99: 2, p995: 2.5, p999: 4 };

  it('has the percentiles that the server knows', () => {
    expect(amplitudeAt(clip, 99)).toBeCloseTo(2, 9);
    expect(amplitudeAt(clip, 99.5)).toBeCloseTo(2.5, 9);
    expect(amplitudeAt(clip, 99.9)).toBeCloseTo(4, 9);
  });

  it('grows with the percentile, and below the first follows an exponential distribution', () => {
    const values = [50, 80, 90, 95, 98, 99, 99.3, 99.5, 99.8, 99.9].map((percentile) => amplitudeAt(clip, percentile));
    expect([...values].sort((a, b) => a - b)).toEqual(values);
    expect(amplitudeAt(clip, 90)).toBeCloseTo(1, 9);
  });

  it('of a survey of zeros is still a clip', () => {
    expect(amplitudeAt({ p99: 0, p995: 0, p999: 0 }, 99)).toBe(1);
  });
});

describe('lines', () => {
  it('step through the survey’s own numbers and stop at its ends', () => {
    const inlines = linesOf(survey, 'inline');
    expect(nearest(inlines, 111, 0)).toBe(112);
    expect(nearest(inlines, 110, 1)).toBe(112);
    expect(nearest(inlines, 198, 1)).toBe(198);
    expect(middle(inlines)).toBe(150);
    expect(nearest(linesOf(survey, 'crossline'), 890, 2)).toBe(888);
    expect(nearest(linesOf(survey, 'slice'), 801, 0)).toBe(800);
  });

  it('that are not there are told with those that are', () => {
    expect(lineProblem(survey, 'inline', '99999')).toBe('Inline 99999 is not in this survey, which has 100 to 198, every 2.');
    expect(lineProblem(survey, 'crossline', '601')).toBeNull();
    expect(lineProblem(survey, 'crossline', '600')).toContain('900 to 601');
    expect(lineProblem(survey, 'slice', '-4')).toBe('Time slice -4 ms is not in this survey, which has 0 to 1844 ms, every 4.');
    expect(lineProblem(survey, 'inline', 'x1')).toBe('“x1” is no number: this survey has 100 to 198, every 2.');
    expect(lineProblem(survey, 'inline', '111')).toBeNull();
  });

  it('have names', () => {
    expect(lineName(survey, 'slice', 800)).toBe('Time slice 800 ms');
    expect(lineName(survey, 'crossline', 900)).toBe('Crossline 900');
  });
});

describe('vertical exaggeration', () => {
  const section = { direction: 'inline', width: 101, corners: [[0, 0], [0, 2500]] } as unknown as Section;

  it('takes 1 ms as 1 m at 2000 m/s', () => {
    // 25 m a trace at 1 pixel, 4 m a sample at 1 pixel.
    expect(exaggeration(survey, section, { left: 0, top: 0, across: 1, down: 1 }).value).toBeCloseTo(25 / 4, 9);
  });

  it('without coordinates is the shape of a sample', () => {
    expect(exaggeration(survey, { ...section, corners: null }, { left: 0, top: 0, across: 2, down: 3 }).value).toBe(1.5);
  });
});

describe('thumbnails', () => {
  it('share one scale with the query, unless that would make them tiny', () => {
    const tiles = [{ width: 118, height: 143 }];
    const alone = commonScale({ width: 100, height: 100 }, tiles);
    expect(143 * alone).toBeLessThanOrEqual(104 + 1e-9);
    expect(commonScale({ width: 5000, height: 5000 }, tiles)).toBeCloseTo(alone / 2, 9);
  });
});

describe('curves', () => {
  it('of training and validation share a panel', () => {
    const found = panels([
      { step: 2, epoch: 1, name: 'train/loss', value: 0.5 }, { step: 1, epoch: 0, name: 'train/loss', value: 0.9 },
      { step: 1, epoch: 0, name: 'validation/loss', value: 0.8 }, { step: 1, epoch: 0, name: 'rate', value: NaN },
    ]);
    expect(found).toEqual([{ quantity: 'loss', curves: [
      { part: 'train', points: [[1, 0.9], [2, 0.5]] }, { part: 'validation', points: [[1, 0.8]] },
    ] }]);
  });
});
