/** Sliders that hide matches: nothing is asked again. */

import type { Match } from '../api/types';
import { calibrated, farthest, leastSure, notCalibrated } from './search';
import { distanceWords, percent } from './wording';

const STEPS = 200;

export function Thresholds({ matches }: { matches: Match[] }) {
  const distances = matches.map(({ distance }) => distance);
  const [nearest, last] = [Math.min(...distances), Math.max(...distances)];
  const place = farthest.value === null ? STEPS : Math.round(STEPS * ((farthest.value - nearest) / (last - nearest || 1)));
  const setDistance = (at: number): void => {
    // Rounding must not hide the nearest match.
    farthest.value = at >= STEPS ? null : Number((nearest + (at / STEPS) * (last - nearest) + 5e-6).toFixed(5));
  };
  return (
    <div class="thresholds">
      <label class="slider" title="Hide matches that are farther">
        <span>Distance ≤</span>
        <input
          id="farthest" type="range" min={0} max={STEPS} value={Math.min(STEPS, Math.max(0, place))}
          aria-valuetext={distanceWords(farthest.value ?? last)} onInput={(event) => setDistance(Number(event.currentTarget.value))}
        />
        <output>{distanceWords(farthest.value ?? last)}</output>
      </label>
      {calibrated.value ? (
        <label class="slider" title="Hide matches that are less sure">
          <span>Sure ≥</span>
          <input
            id="least-sure" type="range" min={0} max={100} value={Math.round(100 * (leastSure.value ?? 0))}
            aria-valuetext={percent(leastSure.value ?? 0)} onInput={(event) => {
              const value = Number(event.currentTarget.value) / 100;
              leastSure.value = value === 0 ? null : value;
            }}
          />
          <output>{percent(leastSure.value ?? 0)}</output>
        </label>
      ) : <NotCalibrated />}
    </div>
  );
}

function NotCalibrated() {
  return (
    <p class="uncalibrated">
      <b>Not calibrated</b>: distances only.{' '}
      {notCalibrated.value ? <>The server’s calibration is not used: {notCalibrated.value}.</> : (
        <>For probabilities: <code>refcon evaluate --save-calibration</code>, then <code>refcon serve --calibration</code></>
      )}
    </p>
  );
}
