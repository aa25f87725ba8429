/** The section on the screen: which, its tiles, the camera over it. */

import { batch, computed, effect, signal, untracked } from '@preact/signals';
import * as api from '../api/client';
import { reconnections } from '../api/connection';
import type { Direction, OpenSurvey, Place, Section } from '../api/types';
import { amplitudeAt, openSurvey, survey, surveyOf, surveys } from '../state/catalogue';
import { directionsOf, linesOf, middle, nearest } from '../state/lines';
import type { AxisWindow } from '../state/link';
import type { Loading } from '../state/loading';
import { failure } from '../state/loading';
import { direction, line, look, surveyId, tab } from '../state/view';
import type { Camera, Size } from './camera';
import { cameraOf, fitted, kept, resized, showing, windowOf } from './camera';
import { partOf, placeOf, tracesOf, valuesAt } from './picking';
import { SectionTiles } from './tiles';

export interface Shown {
  survey: OpenSurvey;
  section: Section;
  tiles: SectionTiles;
}

export const shown = signal<Shown | null>(null);
export const sectionState = signal<Loading<null>>({ state: 'waiting' });
export const tileProblem = signal<string | null>(null);
export const camera = signal<Camera | null>(null);
export const viewSize = signal<Size>({ width: 0, height: 0 });
/** Counts up with every tile that comes. */
export const tilesCome = signal(0);

/** What the camera is to show once the section has come. */
type Aim = { kind: 'window'; window: AxisWindow } | { kind: 'place'; place: Place } | { kind: 'all' };
let aim: Aim | null = null;
/** A link's window with the camera that shows it: until somebody moves it, another view size shows the same window. */
let linked: { window: AxisWindow; camera: Camera } | null = null;

export const clip = computed(() => (openSurvey.value ? amplitudeAt(openSurvey.value.clip, look.value.percentile) : 1));

/** The line shown: the one asked for where there is such, else the nearest. */
export const lineShown = computed(() => {
  if (!openSurvey.value) return null;
  const lines = linesOf(openSurvey.value, direction.value);
  return line.value === null ? middle(lines) : nearest(lines, line.value);
});

/** Loads the section whenever another one is asked for. */
export function followSection(): () => void {
  let running: AbortController | null = null;
  return effect(() => {
    const now = survey.value;
    const [way, at] = [direction.value, lineShown.value];
    reconnections.value;
    if (!now) {
      const listed = surveys.now.value.state === 'ready' && surveyId.value !== null;
      if (listed) untracked(() => failed(surveyId.value!, { message: `This library has no survey ${surveyId.value}.`, hint: null }));
      return;
    }
    if (!now.available) {
      running?.abort();
      failed(now.id, { message: now.problem ?? 'This survey cannot be read.', hint: null });
      return;
    }
    if (at === null) return;
    if (!directionsOf(now).includes(way)) {
      direction.value = 'inline';
      return;
    }
    const before = untracked(() => shown.value);
    if (before && before.survey.id === now.id && before.section.direction === way && before.section.line === at) {
      before.tiles.retry();
      untracked(arrive);
      return;
    }
    running?.abort();
    running = new AbortController();
    untracked(() => void load(now, way, at, running!.signal));
  });
}

async function load(now: OpenSurvey, way: Direction, at: number, stop: AbortSignal): Promise<void> {
  sectionState.value = { state: 'loading', before: null };
  try {
    const section = await api.section(now.id, way, at, stop);
    if (!stop.aborted) show(now, section);
  } catch (error) {
    if (!stop.aborted) failed(now.id, failure(error));
  }
}

/** Nothing of another survey stays on the screen under this one's name. */
function failed(id: string, why: { message: string; hint: string | null }): void {
  sectionState.value = { state: 'failed', ...why };
  if (shown.peek()?.survey.id !== id) shown.value = null;
}

function show(now: OpenSurvey, section: Section): void {
  const before = shown.value;
  const tiles = new SectionTiles(now.id, section, (error) => {
    tileProblem.value = error === undefined ? null : failure(error).message;
    tilesCome.value += 1;
  });
  batch(() => {
    tileProblem.value = null;
    shown.value = { survey: now, section, tiles };
    sectionState.value = { state: 'ready', value: null };
    if (camera.value && before) camera.value = carriedOver(camera.value, before, { survey: now, section });
  });
  arrive();
  before?.tiles.close();
}

type SectionOf = Pick<Shown, 'survey' | 'section'>;

/** The camera over the next section: unmoved along what both have in common, whole along the rest. */
function carriedOver(now: Camera, before: SectionOf, next: SectionOf): Camera {
  const view = viewSize.value;
  const whole = fitted(next.section, view);
  const sameSurvey = before.survey.id === next.survey.id;
  const sameAcross = sameSurvey && JSON.stringify(before.section.horizontal) === JSON.stringify(next.section.horizontal);
  const sameDown = sameSurvey && JSON.stringify(before.section.vertical) === JSON.stringify(next.section.vertical);
  return kept({
    ...(sameAcross ? { left: now.left, across: now.across } : { left: whole.left, across: whole.across }),
    ...(sameDown ? { top: now.top, down: now.down } : { top: whole.top, down: whole.down }),
  }, next.section, view);
}

/** Carries out the aim, as soon as section and view are there. */
function arrive(): void {
  const now = shown.value;
  const view = viewSize.value;
  if (!now || view.width === 0) return;
  camera.value ??= fitted(now.section, view);
  if (aim?.kind === 'all') camera.value = fitted(now.section, view);
  if (aim?.kind === 'window') {
    const [a, b] = [
      placeOf(now.section, aim.window.across[0], aim.window.down[0]),
      placeOf(now.section, aim.window.across[1], aim.window.down[1]),
    ];
    if (b.x > a.x && b.y > a.y) {
      camera.value = kept(cameraOf({ left: a.x, right: b.x, top: a.y, bottom: b.y }, view), now.section, view);
      linked = { window: aim.window, camera: camera.value };
    }
  }
  if (aim?.kind === 'place') {
    const { place } = aim;
    camera.value = showing(partOf(now.section, tracesOf(place), [place.from, place.to]), camera.value, now.section, view);
  }
  aim = null;
}

export function setViewSize(size: Size): void {
  const before = viewSize.value;
  // Another tab's view takes the section's room to nothing.
  if (size.width === 0 || size.height === 0) return;
  if (size.width === before.width && size.height === before.height) return;
  if (linked && linked.camera === camera.value) aim ??= { kind: 'window', window: linked.window };
  batch(() => {
    viewSize.value = size;
    if (camera.value && shown.value && before.width > 0) {
      camera.value = resized(camera.value, before, size, shown.value.section);
    }
  });
  arrive();
}

export function fit(): void {
  if (shown.value) camera.value = fitted(shown.value.section, viewSize.value);
}

/** The window in the axes' numbers, as links carry it; null where the whole section fills the view. */
export const windowShown = computed<AxisWindow | null>(() => {
  const [now, over] = [shown.value, camera.value];
  if (!now || !over) return null;
  const view = viewSize.value;
  if (JSON.stringify(over) === JSON.stringify(fitted(now.section, view))) return null;
  const part = windowOf(over, view);
  const [a, b] = [valuesAt(now.section, part.left, part.top), valuesAt(now.section, part.right, part.bottom)];
  return { across: [a.across, b.across], down: [a.down, b.down] };
});

/** Restores a window, now or when its section has come. */
export function aimAt(window: AxisWindow | null): void {
  aim = window ? { kind: 'window', window } : { kind: 'all' };
}

/** Once what a link says is set: carries the aim out if the section is the one already shown. */
export function settle(): void {
  const now = shown.value;
  const same = now && now.survey.id === surveyId.value && now.section.direction === direction.value;
  if (same && now.section.line === lineShown.value) arrive();
}

/** Shows a section; its place in the middle, where one is given. */
export function goTo(to: { survey: string; direction: Direction; line: number; place?: Place }): void {
  aim = to.place ? { kind: 'place', place: to.place } : null;
  batch(() => {
    tab.value = 'sections';
    surveyId.value = to.survey;
    direction.value = to.direction;
    line.value = to.line;
  });
  settle();
}

export function step(by: number): void {
  if (!openSurvey.value || lineShown.value === null) return;
  line.value = nearest(linesOf(openSurvey.value, direction.value), lineShown.value, by);
}

export function chooseSurvey(id: string): void {
  const next = surveyOf(id);
  if (!next || id === surveyId.value) return;
  aim = { kind: 'all' };
  batch(() => {
    surveyId.value = id;
    line.value = null;
    if (next.available && !directionsOf(next).includes(direction.value)) direction.value = 'inline';
  });
}

/** Another direction through the middle of what is seen. */
export function chooseDirection(way: Direction): void {
  if (way === direction.value) return;
  const through = crossing(way);
  batch(() => {
    direction.value = way;
    line.value = through;
  });
}

/** Where a section of another direction meets the middle of the view; null where that is not known. */
function crossing(way: Direction): number | null {
  const [now, over] = [shown.value, camera.value];
  if (!now || !over) return null;
  const part = windowOf(over, viewSize.value);
  const within = (place: number, count: number): number => Math.min(count, Math.max(0, place));
  const at = valuesAt(
    now.section,
    within((part.left + part.right) / 2, now.section.width),
    within((part.top + part.bottom) / 2, now.section.height),
  );
  if (now.section.direction === 'slice') return way === 'inline' ? at.down : at.across;
  return way === 'slice' ? at.down : at.across;
}
