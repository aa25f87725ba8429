import { describe, expect, it } from 'vitest';
import { readable, roundStep, tickLabel, ticks } from '../../src/viewer/axes';

describe('ticks', () => {
  it('stand at multiples of 1, 2 or 5 times a power of ten', () => {
    expect(ticks(0, 1000, 5).values).toEqual([0, 200, 400, 600, 800, 1000]);
    expect(ticks(3, 1848, 4).values).toEqual([500, 1000, 1500]);
    expect(ticks(-0.1, 0.1, 4).values).toEqual([-0.1, -0.05, 0, 0.05, 0.1]);
  });

  it('are the same for an axis that runs down', () => {
    expect(ticks(1848, 3, 4)).toEqual(ticks(3, 1848, 4));
  });

  it('of line numbers are whole', () => {
    expect(ticks(100, 103, 10, true).values).toEqual([100, 101, 102, 103]);
  });

  it('are never more than asked for, and one', () => {
    for (let span = 0.013; span < 1e6; span *= 1.7) {
      for (let most = 1; most < 14; most++) expect(ticks(-span / 3, span, most).values.length).toBeLessThanOrEqual(most + 2);
    }
  });

  it('of nothing are none', () => {
    expect(ticks(NaN, 1, 5).values).toEqual([]);
    expect(roundStep(0, 5)).toBe(1);
  });
});

describe('labels', () => {
  it('have the decimals of their step and a true minus', () => {
    expect(tickLabel(500, 250)).toBe('500');
    expect(tickLabel(0.5, 0.25)).toBe('0.5');
    expect(tickLabel(0.05, 0.05)).toBe('0.05');
    expect(tickLabel(-20, 20)).toBe('−20');
  });

  it('of read-outs have a few significant digits', () => {
    expect(readable(-1234.567)).toBe('−1235');
    expect(readable(0.0123456)).toBe('0.01235');
    expect(readable(0)).toBe('0');
    expect(readable(-2.5e-6)).toBe('−2.5e−6');
    expect(readable(NaN)).toBe('–');
    expect(readable(3.4e12)).toBe('3.4e+12');
  });
});
