/// <reference types="node" />
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('../../src/page/style/tokens.css', import.meta.url), 'utf8');

/** The colours of a block of the style sheet. */
function colours(start: string): Record<string, string> {
  const block = css.slice(css.indexOf(start)).split('}')[0]!;
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
}

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const GROUNDS = ['ground', 'panel', 'raised', 'sunken', 'field'];
const PAIRS: [string, string[]][] = [
  ['ink', [...GROUNDS, 'accent-soft']], ['quiet', [...GROUNDS, 'accent-soft']], ['accent-ink', ['accent']], ['accent', ['panel', 'raised']],
  ['query-ink', ['query']], ['mark-ink', ['mark']], ['query-text', ['panel']], ['good', ['good-soft', 'raised']],
  ['bad', ['bad-soft', 'raised', 'panel']],
];

describe.each([['light', ':root {'], ['dark', ":root[data-theme='dark']"]])('in %s', (_name, start) => {
  const all = { ...colours(':root {'), ...colours(start) };
  it.each(PAIRS.flatMap(([text, grounds]) => grounds.map((ground) => [text, ground] as const)))('%s can be read on %s', (text, ground) => {
    expect(contrast(all[text]!, all[ground]!)).toBeGreaterThanOrEqual(4.5);
  });
});
