/** Mouse, pen and touch over the section: pan, zoom, draw a box, go through lines. */

import { signal } from '@preact/signals';
import { boxTool, say } from '../state/view';
import { ask } from '../results/search';
import { keepPlace } from '../state/history';
import type { Camera } from './camera';
import { panned, zoomed } from './camera';
import type { Part } from './picking';
import { boxOf, partBetween } from './picking';
import { camera, shown, step, viewSize } from './shown';

type At = { x: number; y: number };

/** The box under the pen. */
export const drawing = signal<Part | null>(null);
/** The cursor's place on the section, in traces and samples. */
export const cursor = signal<At | null>(null);

/** Of a wheel notch, which browsers count as about 100 pixels. */
const ZOOM_SPEED = 0.0016;
const NOTCH = 60;
/** A press that moves less is a click. */
const CLICK = 4;

export const toSection = (over: Camera, at: At): At => ({ x: over.left + at.x / over.across, y: over.top + at.y / over.down });

export function zoomBy(across: number, down: number, about?: At): void {
  if (!camera.value || !shown.value) return;
  const view = viewSize.value;
  const middle = { x: view.width / 2, y: view.height / 2 };
  camera.value = zoomed(camera.value, about ?? middle, across, down, shown.value.section, view);
}

export function panBy(x: number, y: number): void {
  if (camera.value && shown.value) camera.value = panned(camera.value, x, y, shown.value.section, viewSize.value);
}

/** Searches for what lies in a part of the section shown. */
export function askPart(part: Part): void {
  if (!shown.value) return;
  const box = boxOf(shown.value.survey.id, shown.value.section, part);
  if (!box) return say('Boxes are searched on inlines and crosslines, not on slices.', true);
  keepPlace();
  void ask({ box });
}

type Drag =
  | { kind: 'pan'; last: At; moved: number }
  | { kind: 'box'; from: At; moved: number }
  | { kind: 'pinch' };

/** Listens on the plot; `corner` tells which corner of the drawn box was grabbed, as the place of the opposite one. */
export function listen(plot: HTMLElement, corner: (target: EventTarget | null) => At | null): () => void {
  let drag: Drag | null = null;
  let notches = 0;
  const pointers = new Map<number, At>();
  const where = (event: MouseEvent): At => {
    const bounds = plot.getBoundingClientRect();
    return { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  };

  const down = (event: PointerEvent): void => {
    if (!camera.value || (event.button !== 0 && event.button !== 1)) return;
    const at = where(event);
    pointers.set(event.pointerId, at);
    plot.setPointerCapture(event.pointerId);
    plot.focus({ preventScroll: true });
    if (pointers.size === 2) {
      drag = { kind: 'pinch' };
      drawing.value = null;
      return;
    }
    const opposite = corner(event.target);
    const box = event.button === 0 && (opposite !== null || boxTool.value || event.shiftKey);
    if (box && shown.value?.section.direction === 'slice') {
      say('Boxes are searched on inlines and crosslines, not on slices.', true);
    }
    const canBox = box && shown.value?.section.direction !== 'slice';
    drag = canBox
      ? { kind: 'box', from: opposite ?? toSection(camera.value, at), moved: opposite ? CLICK : 0 }
      : { kind: 'pan', last: at, moved: 0 };
    event.preventDefault();
  };

  const move = (event: PointerEvent): void => {
    if (!camera.value || !shown.value) return;
    const at = where(event);
    const before = pointers.get(event.pointerId);
    if (before) pointers.set(event.pointerId, at);
    cursor.value = toSection(camera.value, at);
    if (!drag || !before) return;
    if (drag.kind === 'pinch') return pinch(event.pointerId, before, at);
    drag.moved += Math.hypot(at.x - before.x, at.y - before.y);
    if (drag.kind === 'pan') {
      panBy(at.x - drag.last.x, at.y - drag.last.y);
      drag.last = at;
    } else if (drag.moved >= CLICK) {
      drawing.value = partBetween(shown.value.section, drag.from, toSection(camera.value, at));
    }
  };

  function pinch(moved: number, before: At, at: At): void {
    const still = [...pointers].find(([pointer]) => pointer !== moved)?.[1];
    if (!still) return;
    const apart = (point: At): number => Math.max(20, Math.hypot(point.x - still.x, point.y - still.y));
    const factor = apart(at) / apart(before);
    zoomBy(factor, factor, { x: (at.x + still.x) / 2, y: (at.y + still.y) / 2 });
    panBy((at.x - before.x) / 2, (at.y - before.y) / 2);
  }

  const up = (event: PointerEvent): void => {
    pointers.delete(event.pointerId);
    if (drag?.kind === 'box' && event.type === 'pointerup' && drawing.value) askPart(drawing.value);
    drawing.value = null;
    drag = null;
  };

  const leave = (): void => {
    cursor.value = null;
  };

  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : event.deltaMode === WheelEvent.DOM_DELTA_PAGE ? 400 : 1;
    // Some systems turn a wheel with Shift sideways.
    const turned = (event.deltaY || event.deltaX) * unit;
    if (event.shiftKey) {
      notches += turned;
      const lines = Math.trunc(notches / NOTCH);
      if (lines !== 0) {
        notches = 0;
        step(Math.sign(lines));
      }
      return;
    }
    // What a pinch on a touch pad sends comes with Ctrl and in small pieces.
    const factor = Math.exp(-turned * ZOOM_SPEED * (event.ctrlKey ? 6 : 1));
    const axis = event.target instanceof Element ? event.target.closest('[data-axis]')?.getAttribute('data-axis') : null;
    const at = where(event);
    zoomBy(axis === 'down' ? 1 : factor, axis === 'across' ? 1 : event.altKey && !axis ? 1 : factor, at);
  };

  plot.addEventListener('pointerdown', down);
  plot.addEventListener('pointermove', move);
  plot.addEventListener('pointerup', up);
  plot.addEventListener('pointercancel', up);
  plot.addEventListener('pointerleave', leave);
  const frame = plot.parentElement ?? plot;
  frame.addEventListener('wheel', wheel, { passive: false });
  return () => {
    plot.removeEventListener('pointerdown', down);
    plot.removeEventListener('pointermove', move);
    plot.removeEventListener('pointerup', up);
    plot.removeEventListener('pointercancel', up);
    plot.removeEventListener('pointerleave', leave);
    frame.removeEventListener('wheel', wheel);
  };
}
