import { describe, expect, it } from 'vitest';
import type { Link } from '../../src/state/link';
import { decode, encode, noFilters, START } from '../../src/state/link';

const full: Link = {
  tab: 'embedding',
  survey: 'f3~demo & more',
  direction: 'crossline',
  line: 1120,
  window: { across: [300.5, 950], down: [-12.25, 1848] },
  look: { colours: 'red-white-blue', percentile: 99.5, flipped: true, smooth: false },
  box: { kind: 'box', survey: 'other~one', direction: 'inline', line: -3, traces: [300, 417], range: [500, 1072.5] },
  tile: 12,
  like: [1, 'b~c', 33],
  unlike: [4],
  mark: 7,
  filters: {
    surveys: ['a', 'b~'], not_surveys: ['c'], directions: ['inline'], lines: [100, 200], range: [0, 900], classes: ['Salt Dome', 'Fault'],
    region: [[605_800.5, 6_073_500], [606_000, 6_073_500], [606_000, 6_074_000]],
  },
  k: 100,
  farthest: 0.25,
  leastSure: 0.5,
  perSurvey: 3,
};

describe('a link', () => {
  it('holds the whole view', () => {
    const region = full.filters.region!.map(([x, y]) => [Number(x.toPrecision(7)), Number(y.toPrecision(7))]);
    expect(decode(`#${encode(full)}`)).toEqual({ ...full, filters: { ...full.filters, region } });
  });

  it('of the plain view is empty', () => {
    expect(encode(START)).toBe('');
    expect(decode('')).toEqual(START);
    expect(decode('#')).toEqual(START);
  });

  it('can be read by people', () => {
    expect(encode({ ...START, survey: 'f3', line: 110, window: { across: [300, 900], down: [0, 1848] } }))
      .toBe('survey=f3&line=110&window=300~900~0~1848');
  });

  it('that is damaged shows what can be understood', () => {
    const damaged = decode('#survey=f3&line=ten&window=1~2~3&box=f3~inline~x~1~2~3~4&colours=pink&clip=400&region=1~2~3&k=-5&tab=no');
    expect(damaged).toEqual({ ...START, survey: 'f3', look: { ...START.look, percentile: 100 }, k: 1, filters: noFilters() });
  });
});
