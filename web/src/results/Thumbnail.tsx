/** Pictures of tiles, coloured here: so colours and polarity change with the section, without another request. */

import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Amplitudes } from '../api/client';
import { picturePath } from '../api/client';
import type { Tile } from '../api/types';
import { clipOf } from '../state/catalogue';
import { look } from '../state/view';
import { colourIndex, table } from '../viewer/colours';

/** A picture as indices into the colour table. */
interface Indices {
  width: number;
  height: number;
  values: Uint8ClampedArray;
}

const KEPT = 400;
const known = new Map<string, Promise<Indices>>();

function indicesOf(path: string): Promise<Indices> {
  let found = known.get(path);
  if (!found) {
    found = read(path);
    // What failed is asked for again when it is shown again.
    found.catch(() => known.delete(path));
  }
  known.delete(path);
  known.set(path, found);
  if (known.size > KEPT) known.delete(known.keys().next().value!);
  return found;
}

async function read(path: string): Promise<Indices> {
  const picture = new Image();
  picture.src = path;
  await picture.decode();
  const { naturalWidth: width, naturalHeight: height } = picture;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, values: data.filter((_, i) => i % 4 === 0) };
}

export function indicesFrom(amplitudes: Amplitudes, clip: number): Indices {
  const { width, height, values } = amplitudes;
  return { width, height, values: Uint8ClampedArray.from(values, (value) => colourIndex(value, clip)) };
}

/** Of hundreds of matches only those are asked for that are seen, or soon will be. */
function whenNear(element: Element | null, act: () => void): () => void {
  if (!element) {
    act();
    return () => undefined;
  }
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    observer.disconnect();
    act();
  }, { rootMargin: '400px' });
  observer.observe(element);
  return () => observer.disconnect();
}

interface PictureProps {
  /** A path to ask for, or the picture itself. */
  source: string | Indices;
  label: string;
  /** Screen pixels a trace and sample. */
  scale: number;
  /** Of the tile, in traces and samples: the room is kept before the picture comes. */
  width: number;
  height: number;
}

export function Picture({ source, label, scale, width, height }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const loaded = useSignal<Indices | null>(null);
  const missing = useSignal(false);
  useEffect(() => {
    if (typeof source !== 'string') {
      loaded.value = source;
      return undefined;
    }
    let wanted = true;
    missing.value = false;
    const stop = whenNear(canvas.current, () => indicesOf(source).then(
      (found) => wanted && (loaded.value = found),
      () => wanted && (missing.value = true),
    ));
    return () => {
      wanted = false;
      stop();
    };
  }, [source]);
  useSignalEffect(() => {
    const found = loaded.value;
    const { colours, flipped } = look.value;
    if (found && canvas.current) paint(canvas.current, found, new Uint32Array(table(colours, flipped).buffer));
  });
  if (missing.value) return <span class="no-picture" role="img" aria-label={`${label} (no picture)`}>no picture</span>;
  return (
    <canvas
      ref={canvas} role="img" aria-label={label}
      style={{ width: `${Math.round(width * scale)}px`, height: `${Math.round(height * scale)}px` }}
    />
  );
}

function paint(canvas: HTMLCanvasElement, { width, height, values }: Indices, palette: Uint32Array): void {
  canvas.width = width;
  canvas.height = height;
  const pixels = new Uint32Array(values.length);
  values.forEach((value, i) => (pixels[i] = palette[value]!));
  canvas.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
}

/** A tile's picture, clipped at the percentile of the view in the amplitudes of the tile's own survey. */
export function Thumbnail({ tile, label, scale }: { tile: Tile; label: string; scale: number }) {
  const source = useComputed(() => {
    const clip = clipOf(tile.survey, look.value.percentile);
    return picturePath(tile.id, clip === null ? null : Number(clip.toPrecision(4)));
  });
  return <Picture source={source.value} label={label} scale={scale} width={tile.width} height={tile.height} />;
}
