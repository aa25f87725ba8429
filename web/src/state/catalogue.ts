/** The library and its surveys, as the server lists them. */

import { computed } from '@preact/signals';
import * as api from '../api/client';
import type { Library, Survey } from '../api/types';
import { resource, valueOf } from './loading';
import { surveyId } from './view';

export const library = resource<Library>();
export const surveys = resource<Survey[]>();

export async function loadCatalogue(): Promise<void> {
  await Promise.all([library.load(api.library), surveys.load(api.surveys)]);
  const known = valueOf(surveys.now.peek()) ?? [];
  if (surveyId.peek() === null) surveyId.value = known.find((survey) => survey.available)?.id ?? null;
}

/** The survey whose sections are shown. */
export const survey = computed(() => surveyOf(surveyId.value));

export function surveyOf(id: string | null): Survey | null {
  return valueOf(surveys.now.value)?.find((one) => one.id === id) ?? null;
}

export function surveyName(id: string): string {
  return surveyOf(id)?.name ?? id;
}

/**
 * The absolute amplitude that a share (in percent) of a survey's samples stays below. Between and below the percentiles the server
 * knows it follows an exponential distribution of amplitudes, which is straight over the logarithm of the share above.
 */
export function amplitudeAt(clip: Survey['clip'], percentile: number): number {
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
