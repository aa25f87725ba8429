/** The URL's hash follows the view, and the view follows the hash: on opening, and on the browser's back and forward. */

import { batch, computed, effect } from '@preact/signals';
import * as api from '../api/client';
import * as search from '../results/search';
import { aimAt, goTo, settle, windowShown } from '../viewer/shown';
import type { Tile } from '../api/types';
import type { Link } from './link';
import { decode, encode } from './link';
import { direction, line, look, say, surveyId, tab } from './view';

/** Browsers refuse more than about a hundred changes in ten seconds. */
const PAUSE = 300;

const current = computed<Link>(() => ({
  tab: tab.value,
  survey: surveyId.value,
  direction: direction.value,
  line: line.value,
  window: windowShown.value,
  look: look.value,
  box: search.box.value,
  tile: search.tileQuery.value,
  like: search.like.value,
  unlike: search.unlike.value,
  mark: search.mark.value?.id ?? null,
  filters: search.filters.value,
  k: search.k.value,
  farthest: search.farthest.value,
  leastSure: search.leastSure.value,
  perSurvey: search.perSurvey.value,
}));

function write(): void {
  const hash = `#${encode(current.value)}`;
  if (hash !== location.hash) history.replaceState(null, '', hash);
}

/** Before a jump: what is seen now becomes a place to come back to. */
export function keepPlace(): void {
  write();
  history.pushState(null, '', location.hash);
}

/** What decides about an answer; the rest of a link needs no new search. */
const asked = (link: Link): string => JSON.stringify([
  link.box, link.tile, link.like, link.unlike, link.filters, link.k, link.perSurvey,
]);

export function apply(link: Link): void {
  const again = asked(link) !== asked(current.value);
  batch(() => {
    tab.value = link.tab;
    surveyId.value = link.survey ?? surveyId.value;
    direction.value = link.direction;
    line.value = link.line;
    look.value = link.look;
    search.box.value = link.box;
    search.tileQuery.value = link.tile;
    search.like.value = link.like;
    search.unlike.value = link.unlike;
    search.filters.value = link.filters;
    search.k.value = link.k;
    search.farthest.value = link.farthest;
    search.leastSure.value = link.leastSure;
    search.perSurvey.value = link.perSurvey;
    if (search.mark.value?.id !== link.mark) search.mark.value = null;
    aimAt(link.window);
  });
  settle();
  if (again) void search.search();
  if (link.mark !== null && search.mark.value === null) {
    api.tile(link.mark).then((tile) => (search.mark.value = tile), () => say('The marked tile is not in this library.', true));
  }
}

/** Reads the hash now, then keeps both in step. */
export function followHash(): () => void {
  apply(decode(location.hash));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = effect(() => {
    current.value;
    clearTimeout(timer);
    timer = setTimeout(write, PAUSE);
  });
  const read = (): void => {
    clearTimeout(timer);
    apply(decode(location.hash));
  };
  addEventListener('popstate', read);
  return () => {
    stop();
    removeEventListener('popstate', read);
  };
}

/** Shows a tile in its section, with its box. */
export function jumpTo(tile: Tile): void {
  if (!tile.place) return say('This tile has no known place in a survey.', true);
  keepPlace();
  search.mark.value = tile;
  goTo({ survey: tile.survey, direction: tile.place.direction, line: tile.place.line, place: tile.place });
}

/** Back to the section and box that were searched for. */
export function jumpToQuery(): void {
  const box = search.box.value;
  if (!box) return;
  keepPlace();
  search.mark.value = null;
  const [first, last] = box.traces;
  goTo({
    survey: box.survey,
    direction: box.direction,
    line: box.line,
    place: {
      direction: box.direction, line: box.line, first_inline: first, last_inline: last, first_crossline: first,
      last_crossline: last, from: box.range[0], to: box.range[1], domain: 'time', unit: '', corners: null,
    },
  });
}
