/** Vertical exaggeration: how many times as large a metre down is drawn as a metre along the line. */

import type { OpenSurvey, Section } from '../api/types';
import type { Camera } from './camera';

/** Two-way time becomes depth at this velocity, in m/s: then 1 ms is 1 m. */
const VELOCITY = 2000;
const FOOT = 0.3048;

const inMetres = (unit: string | null): number => (unit === 'ft' ? FOOT : 1);

/** Metres from trace to trace; null where the survey has no coordinates. */
export function traceSpacing(survey: OpenSurvey, section: Section): number | null {
  if (!section.corners || section.width < 2) return null;
  const [[x0, y0], [x1, y1]] = section.corners;
  const spacing = (Math.hypot(x1 - x0, y1 - y0) / (section.width - 1)) * inMetres(survey.map_unit);
  return spacing > 0 ? spacing : null;
}

/** Metres a sample. */
export function sampleSpacing(survey: OpenSurvey): number {
  const { unit, interval } = survey.samples;
  return unit === 'ms' ? (interval / 1000 / 2) * VELOCITY : interval * inMetres(unit);
}

/** The exaggeration and what it is counted in; sample height over trace width where there are no coordinates. */
export function exaggeration(survey: OpenSurvey, section: Section, camera: Camera): { value: number; meaning: string } {
  const plain = camera.down / camera.across;
  const along = traceSpacing(survey, section);
  if (along === null) return { value: plain, meaning: 'height of a sample over width of a trace' };
  const value = plain * (along / sampleSpacing(survey));
  return survey.samples.unit === 'ms'
    ? { value, meaning: `vertical exaggeration, with time as depth at ${VELOCITY} m/s` }
    : { value, meaning: 'vertical exaggeration' };
}
