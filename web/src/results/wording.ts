/** A tile's place in a few words. */

import type { BoxQuery, Match, Tile } from '../api/types';
import { surveyName, surveyOf } from '../state/catalogue';
import { readable, signed } from '../viewer/axes';

const rounded = (value: number): string => signed(String(Math.round(value * 10) / 10));

export function shortLine(survey: string, direction: 'inline' | 'crossline', line: number): string {
  const known = surveyOf(survey);
  if (known?.available && known.geometry.type === 'line') return `L ${line}`;
  return `${direction === 'inline' ? 'IL' : 'XL'} ${line}`;
}

export function span(from: number, to: number, unit: string): string {
  return `${rounded(from)}–${rounded(to)} ${unit}`;
}

export function placeWords({ survey, place, file }: Tile): { line: string; range: string } {
  if (!place) return { line: file, range: '' };
  return { line: shortLine(survey, place.direction, place.line), range: span(place.from, place.to, place.unit) };
}

export function percent(confidence: number): string {
  return `${Math.round(100 * confidence)}%`;
}

/** Distances stand below each other: as many decimals for all of one size. */
export const distanceWords = (distance: number): string => (distance < 10 ? distance.toFixed(3) : readable(distance, 4));

/** All of it, for screen readers and tooltips; a confidence only where it is a probability. */
export function matchWords({ tile, distance, confidence }: Match, calibrated: boolean): string {
  const { line, range } = placeWords(tile);
  const sure = confidence === null || !calibrated ? '' : `, confidence ${percent(confidence)}`;
  return `${surveyName(tile.survey)}, ${line}, ${range}, distance ${distanceWords(distance)}${sure}${tile.class ? `, ${tile.class}` : ''}`;
}

export function boxWords(box: BoxQuery): string {
  const survey = surveyOf(box.survey);
  return `${shortLine(box.survey, box.direction, box.line)}, ${span(box.range[0], box.range[1], survey?.available ? survey.samples.unit : '')}`;
}
