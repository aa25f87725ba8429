/** The page's keys. They do nothing while a text is typed. */

import { jumpToQuery } from '../state/history';
import { boxTool, changeLook, helpShown, look, tab } from '../state/view';
import { drawing, panBy, zoomBy } from '../viewer/gestures';
import { chooseDirection, fit, step } from '../viewer/shown';
import { COLOURS } from '../viewer/colours';
import { moveClip } from '../viewer/Toolbar';
import { refine } from '../results/FeedbackBar';
import { filtersShown } from '../results/ResultsPanel';
import { fieldsShown } from '../results/QueryCard';
import { openSurvey } from '../state/catalogue';
import { directionsOf } from '../state/lines';
import type { Direction } from '../api/types';

interface Shortcut {
  keys: string[];
  words: string;
  act: (event: KeyboardEvent) => void;
}

const PAN = 60;
const focus = (id: string): void => {
  const field = document.getElementById(id);
  field?.focus();
  if (field instanceof HTMLInputElement) field.select();
};

function turn(way: Direction): void {
  if (openSurvey.value && directionsOf(openSurvey.value).includes(way)) chooseDirection(way);
}

/** In the order in which they are listed. */
export const SHORTCUTS: Shortcut[] = [
  { keys: ['['], words: 'previous line (also Page up, Shift and wheel)', act: () => step(-1) },
  { keys: [']'], words: 'next line (also Page down, Shift and wheel)', act: () => step(1) },
  { keys: ['{'], words: 'ten lines back', act: () => step(-10) },
  { keys: ['}'], words: 'ten lines on', act: () => step(10) },
  { keys: ['g'], words: 'go to line', act: () => focus('line') },
  { keys: ['i'], words: 'inline through the middle of the view', act: () => turn('inline') },
  { keys: ['x'], words: 'crossline through the middle of the view', act: () => turn('crossline') },
  { keys: ['t'], words: 'time or depth slice through the middle of the view', act: () => turn('slice') },
  { keys: ['+', '='], words: 'zoom in', act: () => zoomBy(1.25, 1.25) },
  { keys: ['-'], words: 'zoom out', act: () => zoomBy(0.8, 0.8) },
  { keys: ['f'], words: 'whole section', act: fit },
  { keys: ['b'], words: 'box tool on or off (Shift and drag draws a box at any time)', act: () => (boxTool.value = !boxTool.value) },
  { keys: ['d'], words: 'box by numbers', act: openFields },
  { keys: ['q'], words: 'back to the box searched for', act: jumpToQuery },
  { keys: ['c'], words: 'next colours', act: nextColours },
  { keys: [','], words: 'clip more', act: () => moveClip(-1) },
  { keys: ['.'], words: 'clip less', act: () => moveClip(1) },
  { keys: ['p'], words: 'flip polarity', act: () => changeLook({ flipped: !look.value.flipped }) },
  { keys: ['m'], words: 'smooth between samples, or not', act: () => changeLook({ smooth: !look.value.smooth }) },
  { keys: ['l'], words: 'filters', act: () => (filtersShown.value = !filtersShown.value) },
  { keys: ['r'], words: 'refine with your yes and no', act: refine },
  { keys: ['a'], words: 'class of the accepted matches', act: () => focus('class') },
  { keys: ['?'], words: 'this list', act: () => (helpShown.value = !helpShown.value) },
];

/** Keys that are handled where the focus is; listed with the others. */
export const LOCAL: { keys: string; words: string }[] = [
  { keys: 'Y / N', words: 'on a match: looks alike, does not' },
  { keys: 'Arrows', words: 'on a match: to the next; on the section: pan' },
  { keys: 'Enter', words: 'on a match: show it in its section' },
  { keys: 'Alt + ←', words: 'back to where you were (the browser’s own)' },
  { keys: 'Alt + wheel', words: 'stretch vertically; the wheel over an axis zooms that axis' },
  { keys: 'Esc', words: 'closes what is open, drops a box that is being drawn' },
];

function openFields(): void {
  const fields = fieldsShown.current;
  if (!fields) return;
  fields.open = true;
  focus('box-first');
}

function nextColours(): void {
  changeLook({ colours: COLOURS[(COLOURS.indexOf(look.value.colours) + 1) % COLOURS.length]! });
}

const typing = (target: EventTarget | null): boolean => target instanceof Element
  && target.closest('input:not([type=range]):not([type=checkbox]), select, textarea, [contenteditable]') !== null;

export function listenToKeys(): () => void {
  const onKey = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      drawing.value = null;
      helpShown.value = false;
      if (document.activeElement instanceof HTMLElement && typing(document.activeElement)) document.activeElement.blur();
      return;
    }
    if (typing(event.target)) return;
    if (onSection(event)) return event.preventDefault();
    const found = SHORTCUTS.find(({ keys }) => keys.includes(event.key.length === 1 ? event.key.toLowerCase() : event.key));
    // Keys of the viewer do nothing where no section is seen.
    if (!found || (tab.value !== 'sections' && event.key !== '?')) return;
    found.act(event);
    event.preventDefault();
  };
  addEventListener('keydown', onKey);
  return () => removeEventListener('keydown', onKey);
}

/** Panning keys, where the section has the focus; paging keys anywhere but in lists. */
function onSection(event: KeyboardEvent): boolean {
  const target = event.target instanceof Element ? event.target : null;
  const there = target?.closest('.plot') != null;
  if (tab.value !== 'sections') return false;
  if ((there || target === document.body) && (event.key === 'PageUp' || event.key === 'PageDown')) {
    step(event.key === 'PageUp' ? -1 : 1);
    return true;
  }
  const by = { ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] }[event.key];
  if (!there || !by) return false;
  panBy(by[0]!, by[1]!);
  return true;
}
