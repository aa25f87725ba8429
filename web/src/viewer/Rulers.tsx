/** The numbers along the section's sides. */

import { computed } from '@preact/signals';
import { tickLabel, ticks } from './axes';
import { windowOf } from './camera';
import { cursor } from './gestures';
import { camera, shown, viewSize } from './shown';

/** Pixels a label needs. */
const ROOM_ACROSS = 84;
const ROOM_DOWN = 52;

interface Mark {
  at: number;
  label: string;
}

/** Ticks in the part of an axis that is seen; `scale` in pixels a trace or sample. */
function marks(
  axis: { first: number; step: number; count: number }, from: number, length: number, scale: number, most: number, whole: boolean,
): Mark[] {
  const value = (place: number): number => axis.first + (place - 0.5) * axis.step;
  const start = Math.max(0, from);
  const end = Math.min(axis.count, from + length / scale);
  if (end <= start) return [];
  const found = ticks(value(start), value(end), most, whole);
  return found.values.map((number) => ({
    at: ((number - axis.first) / axis.step + 0.5 - from) * scale,
    label: tickLabel(number, found.step),
  })).filter(({ at }) => at >= 0 && at <= length);
}

const across = computed<Mark[]>(() => {
  const [now, over, view] = [shown.value, camera.value, viewSize.value];
  if (!now || !over || view.width === 0) return [];
  const part = windowOf(over, view);
  return marks(now.section.horizontal, part.left, view.width, over.across, Math.max(2, Math.floor(view.width / ROOM_ACROSS)), true);
});

const down = computed<Mark[]>(() => {
  const [now, over, view] = [shown.value, camera.value, viewSize.value];
  if (!now || !over || view.height === 0) return [];
  const { first, interval, count } = now.section.vertical;
  const part = windowOf(over, view);
  const lines = now.section.direction === 'slice';
  const most = Math.max(2, Math.floor(view.height / ROOM_DOWN));
  return marks({ first, step: interval, count }, part.top, view.height, over.down, most, lines);
});

export function AxisAcross() {
  const width = viewSize.value.width;
  const at = cursor.value && camera.value ? (cursor.value.x - camera.value.left) * camera.value.across : null;
  return (
    <svg class="axis axis-across" data-axis="across" width={width} height={26} aria-hidden="true">
      {across.value.map((mark) => (
        <g key={mark.label}>
          <line x1={mark.at} x2={mark.at} y1={20} y2={26} />
          <text x={Math.min(width - 2, Math.max(2, mark.at))} y={15} text-anchor={anchor(mark.at, width)}>{mark.label}</text>
        </g>
      ))}
      {at !== null && <path class="pointer" d={`M${at - 4} 19h8l-4 6z`} />}
    </svg>
  );
}

const anchor = (at: number, width: number): 'start' | 'middle' | 'end' => (at < 16 ? 'start' : at > width - 16 ? 'end' : 'middle');

export function AxisDown() {
  const height = viewSize.value.height;
  const at = cursor.value && camera.value ? (cursor.value.y - camera.value.top) * camera.value.down : null;
  return (
    <svg class="axis axis-down" data-axis="down" width={52} height={height} aria-hidden="true">
      {down.value.map((mark) => (
        <g key={mark.label}>
          <line x1={46} x2={52} y1={mark.at} y2={mark.at} />
          <text x={42} y={Math.min(height - 3, Math.max(10, mark.at + 4))} text-anchor="end">{mark.label}</text>
        </g>
      ))}
      {at !== null && <path class="pointer" d={`M45 ${at - 4}v8l6-4z`} />}
    </svg>
  );
}
