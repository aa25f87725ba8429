/** Round numbers along a side. */

/** Steps that are easy to read between: 1, 2, 5 times a power of ten. */
const ROUND = [1, 2, 5, 10];

/** The smallest round step of which at most `most` lie in `span`. */
export function roundStep(span: number, most: number): number {
  const rough = Math.abs(span) / Math.max(1, most);
  if (!(rough > 0) || !Number.isFinite(rough)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  // A little slack, so that a step of exactly the rough size is taken.
  return (ROUND.find((step) => step * power >= rough * (1 - 1e-9)) ?? 10) * power;
}

/** Round values between two ends (in either order), at most `most + 1` of them; whole numbers only where `whole`. */
export function ticks(first: number, last: number, most: number, whole = false): { values: number[]; step: number } {
  if (!Number.isFinite(first) || !Number.isFinite(last)) return { values: [], step: 1 };
  const [low, high] = [Math.min(first, last), Math.max(first, last)];
  const step = whole ? Math.max(1, roundStep(high - low, most)) : roundStep(high - low, most);
  const [start, end] = [Math.ceil(low / step - 1e-6), Math.floor(high / step + 1e-6)];
  const values = Array.from({ length: Math.max(0, end - start + 1) }, (_, i) => {
    const value = (start + i) * step;
    // Multiples of 0.1 carry rounding that a label must not show; + 0 turns −0 into 0.
    return Number(value.toPrecision(12)) + 0;
  });
  return { values, step };
}

/** A number with the decimals that ticks `step` apart need. */
export function tickLabel(value: number, step: number): string {
  // As many digits as tell neighbours apart.
  if (step < 1e-4) return readable(value, Math.max(3, Math.ceil(Math.log10(Math.abs(value) / step || 1) - 1e-9) + 1));
  const decimals = step >= 1 ? 0 : Math.min(6, Math.ceil(-Math.log10(step) - 1e-9));
  return signed(value.toFixed(decimals));
}

/** The hyphen is too short beside a digit. */
export function signed(text: string): string {
  return text.replace(/^-/, '−');
}

/** A number for a read-out: about `digits` significant ones, no exponent where that can be read. */
export function readable(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return signed(Number(value.toPrecision(digits)).toExponential().replace('e-', 'e−'));
  const decimals = size === 0 ? 0 : Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return signed(String(Number(value.toFixed(Math.min(decimals, 8)))));
}
