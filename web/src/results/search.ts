/** The search: what is looked for, what came back, what people said about it. */

import { batch, computed, signal } from '@preact/signals';
import * as api from '../api/client';
import type { Filters, Match, Query, SearchAnswer, SearchRequest, Tile, TileId } from '../api/types';
import type { BoxQuery } from '../api/types';
import { noFilters, START } from '../state/link';
import { resource, valueOf } from '../state/loading';

export const box = signal<BoxQuery | null>(null);
export const tileQuery = signal<TileId | null>(null);
/** An uploaded picture, base64 of a PNG; no link can carry it. */
export const imageQuery = signal<string | null>(null);
export const like = signal<TileId[]>([]);
export const unlike = signal<TileId[]>([]);
export const filters = signal<Filters>(noFilters());
export const k = signal(START.k);
export const perSurvey = signal<number | null>(null);
export const farthest = signal<number | null>(null);
export const leastSure = signal<number | null>(null);
/** The match that was jumped to. */
export const mark = signal<Tile | null>(null);

export const answer = resource<SearchAnswer>();
/** The votes the answer was made with: others wait for a refined search. */
export const used = signal<{ like: TileId[]; unlike: TileId[] }>({ like: [], unlike: [] });
/** Whether the votes are others than those. */
export const pending = computed(() =>
  JSON.stringify([like.value, unlike.value]) !== JSON.stringify([used.value.like, used.value.unlike]));
export const refinable = computed(() => pending.value && like.value.length > 0);

/** What is looked for: examples once there are some, else the box, tile or picture. */
export function currentQuery(): Query | null {
  if (like.value.length > 0) {
    return { kind: 'examples', like: like.value, unlike: unlike.value, box: box.value };
  }
  if (box.value) return box.value;
  if (tileQuery.value !== null) return { kind: 'tile', id: tileQuery.value };
  return imageQuery.value ? { kind: 'image', png_base64: imageQuery.value } : null;
}

export function currentRequest(): SearchRequest | null {
  const query = currentQuery();
  return query && {
    query, k: k.value, within: null, exclude_same_place: true, suppress_overlap: true, per_survey: perSurvey.value,
    filters: filters.value,
  };
}

export async function search(): Promise<void> {
  const request = currentRequest();
  if (!request) return answer.clear();
  // Without a yes, what is looked for is the box, tile or picture alone.
  used.value = like.value.length > 0 ? { like: like.value, unlike: unlike.value } : { like: [], unlike: [] };
  await answer.load((stop) => api.search(request, stop));
}

/** A new question: what was said about another one's matches does not belong to it. */
export function ask(what: { box?: BoxQuery; tile?: TileId; image?: string }): Promise<void> {
  batch(() => {
    box.value = what.box ?? null;
    tileQuery.value = what.tile ?? null;
    imageQuery.value = what.image ?? null;
    like.value = [];
    unlike.value = [];
    mark.value = null;
    farthest.value = null;
    leastSure.value = null;
  });
  return search();
}

export function clearSearch(): void {
  void ask({});
}

/** Looks for what these tiles have in common. */
export function askExamples(ids: TileId[]): Promise<void> {
  batch(() => {
    box.value = null;
    tileQuery.value = null;
    imageQuery.value = null;
    like.value = ids;
    unlike.value = [];
    mark.value = null;
  });
  return search();
}

/** Yes, no, or takes it back when it was said before. */
export function vote(id: TileId, good: boolean): void {
  const [mine, other] = good ? [like, unlike] : [unlike, like];
  batch(() => {
    other.value = other.value.filter((one) => one !== id);
    mine.value = mine.value.includes(id) ? mine.value.filter((one) => one !== id) : [...mine.value, id];
  });
}

export function changeFilters(change: Partial<Filters>): void {
  filters.value = { ...filters.value, ...change };
  void search();
}

export const filterCount = computed(() => {
  const { surveys, not_surveys, directions, lines, range, classes, region } = filters.value;
  return [surveys.length, not_surveys.length, directions.length, lines, range, classes.length, region].filter(Boolean).length;
});

/** Whether confidences are probabilities: others are not shown, since the nearest match always has 100 %. */
export const calibrated = computed(() => valueOf(answer.now.value)?.confidence_kind === 'calibrated');

/** Why the server's calibration does not hold for this search. */
export const notCalibrated = computed(() => valueOf(answer.now.value)?.not_calibrated ?? null);

/** The matches within the thresholds, which are applied here: moving a slider asks nobody. */
export const matches = computed<Match[]>(() => (valueOf(answer.now.value)?.matches ?? []).filter(
  ({ distance, confidence }) => (farthest.value === null || distance <= farthest.value)
    && (leastSure.value === null || !calibrated.value || confidence === null || confidence >= leastSure.value),
));
