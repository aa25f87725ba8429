import { describe, expect, it, vi } from 'vitest';
import type { BoxQuery, Match, Survey, Tile } from '../../src/api/types';

// The view's state asks the browser for its colours.
vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }));
vi.stubGlobal('localStorage', { getItem: () => null });
const { surveys } = await import('../../src/state/catalogue');
const { boxWords, matchWords, passedOver, placeWords, wholePlace } = await import('../../src/results/wording');

const samples = { domain: 'time', unit: 'ms', first: 0, interval: 4, count: 462 };
await surveys.load(() => Promise.resolve([
  { id: 'cube', name: 'Cube', available: true, samples, geometry: { type: 'volume' } },
  { id: 'track', name: 'Track', available: true, samples, geometry: { type: 'line' } },
] as unknown as Survey[]));

const at = (survey: string, direction: 'inline' | 'crossline', ends: [number, number, number, number]): Tile => ({
  id: 1, survey, file: 'a.png', width: 100, height: 100, class: null,
  place: {
    direction, line: 1145, first_inline: ends[0], last_inline: ends[1], first_crossline: ends[2], last_crossline: ends[3],
    from: 0, to: 380, domain: 'time', unit: 'ms', corners: null,
  },
});

describe('a place', () => {
  it('names the lines that cross it', () => {
    expect(placeWords(at('cube', 'inline', [1145, 1145, 300, 395]))).toEqual({ line: 'IL 1145', across: 'XL 300–395', range: '0–380 ms' });
    expect(wholePlace(at('cube', 'crossline', [100, 195, 1145, 1145]))).toBe('XL 1145, IL 100–195, 0–380 ms');
    expect(wholePlace(at('track', 'inline', [1145, 1145, 101, 200]))).toBe('L 1145, TR 101–200, 0–380 ms');
  });

  it('that is not known is the file', () => {
    expect(wholePlace({ ...at('cube', 'inline', [0, 0, 0, 0]), place: null })).toBe('a.png');
  });

  it('of a box has both of its sides', () => {
    const box: BoxQuery = { kind: 'box', survey: 'cube', direction: 'inline', line: 7, traces: [2281, 2288], range: [0, 380] };
    expect(boxWords(box)).toBe('IL 7, XL 2281–2288, 0–380 ms');
  });
});

it('tiles that were passed over are counted by their reason', () => {
  expect(passedOver({ same_place: 1200, of_query: 3, survey_full: 0 })).toBe('1,200 in the place of a nearer match, 3 in the query’s own place');
  expect(passedOver({ same_place: 0, of_query: 0, survey_full: 0 })).toBe('');
});

it('a match has a confidence only where it is a probability', () => {
  const match: Match = { tile: at('cube', 'inline', [1145, 1145, 300, 395]), distance: 0.25, confidence: 1, thumbnail: '' };
  expect(matchWords(match, true)).toBe('Cube, IL 1145, XL 300–395, 0–380 ms, distance 0.250, confidence 100%');
  expect(matchWords(match, false)).toBe('Cube, IL 1145, XL 300–395, 0–380 ms, distance 0.250');
});
