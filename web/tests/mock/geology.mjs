/** A synthetic subsurface: the amplitude at any inline, crossline and sample, the same in every run. */

/** A fixed sequence of numbers in 0..1 (mulberry32). */
export function randoms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Noise that depends on nothing but where it is. */
function noise(x, y) {
  let hash = Math.imul(x | 0, 374761393) ^ Math.imul(y | 0, 668265263);
  hash = Math.imul(hash ^ (hash >>> 13), 1274126177);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2147483648 - 1;
}

/** A trace of layers: sparse reflectivity and a Ricker wavelet of `period` samples. */
function layers(length, period, seed) {
  const random = randoms(seed);
  const spikes = new Float32Array(length);
  for (let i = 0; i < length; i += 2 + Math.floor(random() * period * 1.4)) spikes[i] = (random() - 0.5) * (0.4 + 1.6 * random() ** 2);
  const half = Math.ceil(period * 1.5);
  const wavelet = Array.from({ length: 2 * half + 1 }, (_, i) => {
    const a = (Math.PI * (i - half)) / period;
    return (1 - 2 * a * a) * Math.exp(-a * a);
  });
  return Float32Array.from(spikes, (_, i) =>
    wavelet.reduce((sum, weight, j) => sum + weight * (spikes[i + j - half] ?? 0), 0));
}

const LENGTH = 12_000;
const traces = new Map();

export function geology({ seed, period, width, samples, scale }) {
  const name = `${seed} ${period}`;
  if (!traces.has(name)) traces.set(name, layers(LENGTH, period, seed));
  const trace = traces.get(name);
  const dome = { x: width * 0.66, top: samples * 0.42, radius: width * 0.13 };
  const channels = [0, 1, 2].map((i) => ({ x: width * (0.15 + 0.3 * i), y: samples * (0.18 + 0.17 * i), size: width * 0.06 }));
  /** `x` in traces across, `z` in lines, `y` in samples. */
  return (x, z, y) => {
    const fold = samples * (0.02 * Math.sin(x / width * 7 + z / 60) + 0.035 * Math.sin(x / width * 2.3 - z / 140));
    const faultX = width * 0.4 + (y - samples / 2) * 0.18 * (width / samples) + z * 0.2;
    const throwBy = x > faultX ? samples * 0.03 : 0;
    const away = Math.hypot(x - dome.x, (z - 100) * (width / 400)) / dome.radius;
    const uplift = samples * 0.16 * Math.exp(-away * away * 0.7) * Math.min(1, y / samples + 0.3);
    const grain = 0.06 * noise(x * 7 + z * 131, y);
    if (away < 1.25 && y > dome.top + samples * 0.2 * away * away) return scale * (0.1 * noise(x + 3 * z, y) + grain);
    for (const channel of channels) {
      const dx = (x - channel.x - 12 * Math.sin(z / 25)) / channel.size;
      const dy = (y - channel.y) / (samples * 0.09);
      if (Math.abs(dx) < 1 && dy > 0 && dy < 1 - dx * dx) {
        const at = Math.floor((y * 1.6 + 500 + dx * dx * 30 + 6 * noise(Math.floor(x / 9), z >> 3)) % LENGTH);
        return scale * (1.5 * trace[at] + grain);
      }
    }
    const place = 2000 + y + fold + throwBy + uplift;
    const low = Math.floor(place);
    const value = trace[low] + (place - low) * (trace[low + 1] - trace[low]);
    // Deep layers are quieter, one package is bright.
    const loud = 0.6 + 0.5 * Math.exp(-(((y + fold + uplift) / samples - 0.72) ** 2) / 0.006);
    return scale * (loud * value + grain);
  };
}
