/** What stands under the cursor, and what the colours mean. */

import { computed, useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { look } from '../state/view';
import { readable, signed } from './axes';
import { LEVELS, table } from './colours';
import { cursor } from './gestures';
import { readOut } from './picking';
import { clip, shown, tilesCome } from './shown';

/** After the cursor has rested so long, amplitudes that are not there yet are asked for. */
const REST = 120;

const now = computed(() => {
  const [at, on] = [cursor.value, shown.value];
  tilesCome.value;
  return at && on ? readOut(on.survey, on.section, at, (place) => on.tiles.get(place)) : null;
});

export function StatusBar() {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useSignalEffect(() => {
    const [at, on, read] = [cursor.value, shown.value, now.value];
    clearTimeout(timer.current);
    if (!at || !on || !read || read.amplitude !== null) return;
    const size = on.section.tile_size;
    const place = { level: 0, column: Math.floor(at.x / size), row: Math.floor(at.y / size) };
    timer.current = setTimeout(() => {
      on.tiles.whole([place]).then(() => (tilesCome.value += 1), () => undefined);
    }, REST);
  });
  const read = now.value;
  const number = (value: number | null): string => (value === null ? '–' : readable(value, 7));
  const line = shown.value?.survey.geometry.type === 'line';
  return (
    <div class="status-bar">
      <dl class="read-out" aria-label="Under the cursor">
        {!line && <Entry name="Inline" value={number(read?.inline ?? null)} />}
        {!line && <Entry name="Crossline" value={number(read?.crossline ?? null)} />}
        {line && <Entry name="Trace" value={number(read?.trace ?? null)} />}
        <Entry
          name={shown.value?.survey.samples.domain === 'depth' ? 'Depth' : 'Time'}
          value={read ? `${number(read.vertical)} ${read.unit}` : '–'}
        />
        <Entry name="Amplitude" value={read?.amplitude == null ? '–' : readable(read.amplitude)} />
      </dl>
      <ColourBar />
    </div>
  );
}

function Entry({ name, value }: { name: string; value: string }) {
  return <div><dt>{name}</dt><dd>{value}</dd></div>;
}

function ColourBar() {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const { colours, flipped } = look.value;
    canvas.current?.getContext('2d')!.putImageData(new ImageData(table(colours, flipped), LEVELS, 1), 0, 0);
  });
  const end = readable(clip.value, 3);
  return (
    <div class="colour-bar" title="Amplitudes and their colours">
      <span>{signed(`-${end}`)}</span>
      <canvas ref={canvas} width={LEVELS} height={1} role="img" aria-label={`Colours from −${end} to ${end}`} />
      <span>{end}</span>
    </div>
  );
}
