/** Colours that tell classes or surveys apart: Okabe and Ito's, which colour-blind people can tell apart too. */

export const PALETTE = ['#e69f00', '#56b4e9', '#009e73', '#d55e00', '#cc79a7', '#0072b2', '#b3a600', '#8c6bb1'] as const;
export const WITHOUT = '#8a949e';

/** A colour for each name, the most frequent ones first; what is left over shares grey. */
export function coloursOf(names: (string | null)[]): Map<string, string> {
  const counts = new Map<string, number>();
  for (const name of names) {
    if (name !== null) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const order = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  return new Map(order.map(([name], i) => [name, PALETTE[i] ?? WITHOUT]));
}
