/** The lines of a survey: which there are, which is next. */

import type { Direction, Numbers, OpenSurvey } from '../api/types';

/** The numbers of the sections that can be shown in a direction. */
export function linesOf(survey: OpenSurvey, direction: Direction): Numbers {
  const { geometry, samples } = survey;
  if (geometry.type === 'line') return { first: geometry.line, step: 1, count: 1 };
  if (direction === 'slice') return { first: samples.first, step: samples.interval, count: samples.count };
  return direction === 'inline' ? geometry.inlines : geometry.crosslines;
}

export function directionsOf(survey: OpenSurvey): Direction[] {
  return survey.geometry.type === 'line' ? ['inline'] : ['inline', 'crossline', 'slice'];
}

export const last = (numbers: Numbers): number => exact(numbers.first + (numbers.count - 1) * numbers.step);

export function middle(numbers: Numbers): number {
  return exact(numbers.first + Math.floor(numbers.count / 2) * numbers.step);
}

/** The line nearest to a number, `by` lines further on; the first or last where that would lie outside. */
export function nearest(numbers: Numbers, wanted: number, by = 0): number {
  const index = Math.round((wanted - numbers.first) / numbers.step) + by;
  return exact(numbers.first + Math.min(numbers.count - 1, Math.max(0, index)) * numbers.step);
}

/** 0.1 + 0.2 is not what a person would write. */
const exact = (value: number): number => Number(value.toPrecision(12));

/** `Inline 110`, `Slice 1200 ms`. */
export function lineName(survey: OpenSurvey | null, direction: Direction, line: number): string {
  if (survey?.geometry.type === 'line') return `Line ${line}`;
  if (direction !== 'slice') return `${direction === 'inline' ? 'Inline' : 'Crossline'} ${line}`;
  const domain = survey?.samples.domain === 'depth' ? 'Depth' : 'Time';
  return `${domain} slice ${line} ${survey?.samples.unit ?? ''}`.trim();
}

/** The numbers of a direction's sections: `1000 to 1398, every 2`. */
export function lineRange(survey: OpenSurvey, direction: Direction): string {
  const lines = linesOf(survey, direction);
  const unit = direction === 'slice' && survey.geometry.type === 'volume' ? ` ${survey.samples.unit}` : '';
  return `${lines.first} to ${last(lines)}${unit}${lines.step === 1 ? '' : `, every ${lines.step}`}`;
}

/** Why what was typed leads to no line, in words for the person; null where it does, if only to the line nearest to it. */
export function lineProblem(survey: OpenSurvey, direction: Direction, typed: string): string | null {
  const wanted = typed.trim() === '' ? NaN : Number(typed);
  if (!Number.isFinite(wanted)) return `“${typed}” is no number: this survey has ${lineRange(survey, direction)}.`;
  const lines = linesOf(survey, direction);
  const ends = [lines.first, last(lines)];
  if (wanted >= Math.min(...ends) && wanted <= Math.max(...ends)) return null;
  return `${lineName(survey, direction, wanted)} is not in this survey, which has ${lineRange(survey, direction)}.`;
}
