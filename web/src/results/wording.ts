/** A tile's place in a few words. */

import type { BoxQuery, Match, SearchAnswer, SearchDirection, Tile } from '../api/types';
import { surveyName, surveyOf } from '../state/catalogue';
import { readable, signed } from '../viewer/axes';
import { tracesOf } from '../viewer/picking';

const rounded = (value: number): string => signed(String(Math.round(value * 10) / 10));

export function shortLine(survey: string, direction: 'inline' | 'crossline', line: number): string {
  const known = surveyOf(survey);
  if (known?.available && known.geometry.type === 'line') return `L ${line}`;
  return `${direction === 'inline' ? 'IL' : 'XL'} ${line}`;
}

/** The traces of a line, by the lines that cross it: `XL 2100–2200` on an inline. */
function crossing(survey: string, direction: SearchDirection, [first, last]: [number, number]): string {
  const known = surveyOf(survey);
  const kind = known?.available && known.geometry.type === 'line' ? 'TR' : direction === 'inline' ? 'XL' : 'IL';
  return `${kind} ${rounded(first)}–${rounded(last)}`;
}

export function span(from: number, to: number, unit: string): string {
  return `${rounded(from)}–${rounded(to)} ${unit}`;
}

export function placeWords({ survey, place, file }: Tile): { line: string; across: string; range: string } {
  if (!place) return { line: file, across: '', range: '' };
  return {
    line: shortLine(survey, place.direction, place.line),
    across: crossing(survey, place.direction, tracesOf(place)),
    range: span(place.from, place.to, place.unit),
  };
}

/** The same in one line. */
export function wholePlace(tile: Tile): string {
  const { line, across, range } = placeWords(tile);
  return [line, across, range].filter(Boolean).join(', ');
}

export function percent(confidence: number): string {
  return `${Math.round(100 * confidence)}%`;
}

/** Distances stand below each other: as many decimals for all of one size. */
export const distanceWords = (distance: number): string => (distance < 10 ? distance.toFixed(3) : readable(distance, 4));

/** All of it, for screen readers and tooltips; a confidence only where it is a probability. */
export function matchWords({ tile, distance, confidence }: Match, calibrated: boolean): string {
  const sure = confidence === null || !calibrated ? '' : `, confidence ${percent(confidence)}`;
  return `${surveyName(tile.survey)}, ${wholePlace(tile)}, distance ${distanceWords(distance)}${sure}${tile.class ? `, ${tile.class}` : ''}`;
}

export function boxWords(box: BoxQuery): string {
  const survey = surveyOf(box.survey);
  const [line, across] = [shortLine(box.survey, box.direction, box.line), crossing(box.survey, box.direction, box.traces)];
  return `${line}, ${across}, ${span(box.range[0], box.range[1], survey?.available ? survey.samples.unit : '')}`;
}

/** Which tiles were left out of an answer, and why; empty where none were. */
export function passedOver({ same_place, of_query, survey_full }: Pick<SearchAnswer, 'same_place' | 'of_query' | 'survey_full'>): string {
  const counts: [number, string][] = [
    [same_place, 'in the place of a nearer match'], [of_query, 'in the query’s own place'], [survey_full, 'of surveys that have enough matches'],
  ];
  return counts.filter(([count]) => count > 0).map(([count, why]) => `${count.toLocaleString('en')} ${why}`).join(', ');
}
