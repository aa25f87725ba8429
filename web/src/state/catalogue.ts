/** The library and its surveys, as the server lists them. */

import { computed } from '@preact/signals';
import * as api from '../api/client';
import type { Clip, Library, OpenSurvey, Survey } from '../api/types';
import { resource, valueOf } from './loading';
import { surveyId } from './view';

export const library = resource<Library>();
export const surveys = resource<Survey[]>();

/** Surveys that are still being opened (large ones without an index take minutes) are asked for again. */
const LONGEST_PAUSE = 60_000;
let pause = 2000;
let again: ReturnType<typeof setTimeout> | undefined;

export async function loadCatalogue(): Promise<void> {
  pause = 2000;
  await Promise.all([library.load(api.library), loadSurveys()]);
}

async function loadSurveys(): Promise<void> {
  await surveys.load(api.surveys);
  pause = Math.min(2 * pause, LONGEST_PAUSE);
  const known = valueOf(surveys.now.peek()) ?? [];
  clearTimeout(again);
  if (known.some(({ available }) => !available)) again = setTimeout(() => void loadSurveys(), pause);
  if (surveyId.peek() === null) surveyId.value = known.find((survey) => survey.available)?.id ?? null;
}

/** The survey whose sections are shown. */
export const survey = computed(() => surveyOf(surveyId.value));

/** The same where its sections can be read. */
export const openSurvey = computed<OpenSurvey | null>(() => (survey.value?.available ? survey.value : null));

export function surveyOf(id: string | null): Survey | null {
  return valueOf(surveys.now.value)?.find((one) => one.id === id) ?? null;
}

/** The amplitude that a survey's pictures are clipped at; null where it cannot be read. */
export function clipOf(id: string, percentile: number): number | null {
  const known = surveyOf(id);
  return known?.available ? amplitudeAt(known.clip, percentile) : null;
}

export function surveyName(id: string): string {
  return surveyOf(id)?.name ?? valueOf(library.now.value)?.folders.find((folder) => folder.id === id)?.name ?? id;
}

/**
 * The absolute amplitude that a share (in percent) of a survey's samples stays below. Between and below the percentiles the server
 * knows it follows an exponential distribution of amplitudes, which is straight over the logarithm of the share above.
 */
export function amplitudeAt(clip: Clip, percentile: number): number {
  const above = (share: number): number => -Math.log(1 - Math.min(share, 99.99) / 100);
  const known: [number, number][] = [[0, 0], [above(99), clip.p99], [above(99.5), clip.p995], [above(99.9), clip.p999]];
  const at = above(percentile);
  let [low, high] = [known[0]!, known[1]!];
  for (let i = 1; i < known.length; i++) {
    [low, high] = [known[i - 1]!, known[i]!];
    if (at <= high[0]) break;
  }
  const amplitude = low[1] + ((at - low[0]) / (high[0] - low[0])) * (high[1] - low[1]);
  // A survey of zeros has no amplitude to clip at.
  return amplitude > 0 ? amplitude : 1;
}
