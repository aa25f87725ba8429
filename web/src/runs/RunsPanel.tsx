/** Training runs with their curves, and the server's long work. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { runReportPath } from '../api/client';
import type { Run } from '../api/types';
import { Failure } from '../page/Failure';
import { PALETTE } from '../projection/palette';
import { valueOf } from '../state/loading';
import { readable, tickLabel, ticks } from '../viewer/axes';
import type { Panel } from './curves';
import { curvePath, extentOf, panels } from './curves';
import { JobsPanel } from './JobsPanel';
import { choose, chosen, metrics, refreshRuns, runs } from './runs';

const WIDTH = 250;
const HEIGHT = 116;
const LEFT = 60;

/** The same part of the tiles has the same colour in every panel. */
const colourOf = (part: string): string => PALETTE[part === 'validation' ? 1 : 0]!;

export function RunsPanel() {
  useEffect(() => void refreshRuns(), []);
  const state = runs.now.value;
  const known = valueOf(state);
  return (
    <section class="page-view runs" aria-label="Runs">
      <JobsPanel />
      <header class="page-head"><div><h2>Runs</h2><p class="quiet">Training runs beside the library, with their curves.</p></div></header>
      {state.state === 'failed' && <Failure title="No list of runs" failure={state} again={() => void refreshRuns()} />}
      {!known && state.state === 'loading' && <p class="quiet" role="status"><span class="spinner" /> Reading the runs…</p>}
      {known?.length === 0 && (
        <div class="empty" role="status">
          <h3>No runs yet</h3>
          <p>Label tiles of two classes and press <b>Train</b> under Labels, or use <code>refcon train</code>; the curves appear here.</p>
        </div>
      )}
      {known && known.length > 0 && <RunTable runs={known} />}
      {chosen.value && <Curves />}
    </section>
  );
}

const METHODS: Record<NonNullable<Run['method']>, string> = { fine_tuning: 'fine-tuning', masked_autoencoder: 'masked autoencoder', dino: 'DINO' };

function RunTable({ runs: known }: { runs: Run[] }) {
  return (
    <div class="table-box">
      <table>
        <thead>
          <tr>
            <th>Run</th><th>State</th><th>Started</th><th class="number">Steps</th>
            <th title="Of all its validations, by the measure that decides which encoder is kept">Best</th><th>Page</th>
          </tr>
        </thead>
        <tbody>
          {known.map((run) => (
            <tr key={run.name} class={run.name === chosen.value ? 'current' : ''}>
              <td><button type="button" class="link" aria-pressed={run.name === chosen.value} onClick={() => choose(run.name)}>{run.name}</button>
                <div class="quiet">{run.problem ?? howItLearns(run)}</div>
              </td>
              <td><span class={`state ${run.status}`}>{run.status}</span></td>
              <td>{when(run.started)}</td>
              <td class="number">{run.steps.toLocaleString('en')}</td>
              <td>{run.best ? <><b>{readable(run.best.value)}</b><div class="quiet">{measureWords(run.best.measure)}</div></> : <span class="quiet">not validated</span>}</td>
              <td>{run.report ? <a href={runReportPath(run.name)} download={`${run.name}.html`} aria-label={`Page of ${run.name}`}>save</a> : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const howItLearns = ({ method, encoder }: Run): string => [method && METHODS[method], encoder && `from ${encoder}`].filter(Boolean).join(' ');

/** `validation/map_at_r` is what people call `map_at_r`. */
const measureWords = (measure: string): string => measure.replace(/^validation\//, '');

/** Of seconds since 1970. */
function when(time: number | null): string {
  if (time === null) return '–';
  return new Date(time * 1000).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
}

function Curves() {
  const state = metrics.now.value;
  const found = valueOf(state);
  if (state.state === 'failed') return <Failure title="No curves" failure={state} />;
  if (!found) return <p class="quiet" role="status"><span class="spinner" /> Reading the curves…</p>;
  if (found.length === 0) return <p class="quiet">This run has written no metrics yet.</p>;
  const best = valueOf(runs.now.value)?.find(({ name }) => name === chosen.value)?.best;
  return <div class="curves">{panels(found, best?.measure).map((panel) => <CurvePanel key={panel.quantity} panel={panel} />)}</div>;
}

function CurvePanel({ panel }: { panel: Panel }) {
  const hovered = useSignal<number | null>(null);
  const box = extentOf(panel);
  const down = ticks(box.low, box.high, 5);
  const across = ticks(box.first, box.last, 6, true);
  const x = (step: number): number => ((step - box.first) / (box.last - box.first || 1)) * WIDTH;
  const y = (value: number): number => HEIGHT - ((value - box.low) / (box.high - box.low || 1)) * HEIGHT;
  const at = hovered.value;
  const near = panel.curves.map(({ part, points }) => ({
    part,
    point: at === null ? points.at(-1)! : points.reduce((best, point) => (Math.abs(point[0] - at) < Math.abs(best[0] - at) ? point : best)),
  }));
  return (
    <figure class="curve">
      <figcaption>
        <b>{panel.quantity}</b>
        {near.map(({ part, point }) => (
          <span key={part}><i style={{ background: colourOf(part) }} /> {part} {readable(point[1])} <small>at {point[0]}</small></span>
        ))}
      </figcaption>
      <svg
        viewBox={`0 0 ${LEFT + WIDTH + 12} ${HEIGHT + 44}`} role="img" aria-label={`${panel.quantity} over steps`}
        onPointerLeave={() => (hovered.value = null)}
        onPointerMove={(event) => {
          const bounds = event.currentTarget.getBoundingClientRect();
          const place = ((event.clientX - bounds.left) / bounds.width) * (LEFT + WIDTH + 12) - LEFT;
          hovered.value = box.first + (place / WIDTH) * (box.last - box.first);
        }}
      >
        <g transform={`translate(${LEFT} 8)`}>
          {down.values.map((value) => (
            <g key={value}><line class="grid" x1={0} x2={WIDTH} y1={y(value)} y2={y(value)} /><text x={-8} y={y(value) + 4} text-anchor="end">{tickLabel(value, down.step)}</text></g>
          ))}
          {across.values.map((value) => <text key={value} x={x(value)} y={HEIGHT + 18} text-anchor="middle">{tickLabel(value, across.step)}</text>)}
          <text x={WIDTH + 8} y={HEIGHT + 32} text-anchor="end">step</text>
          {panel.curves.map(({ part, points }) => (
            <path key={part} class="line" d={curvePath(points, box, WIDTH, HEIGHT)} stroke={colourOf(part)} />
          ))}
          {at !== null && near.map(({ part, point }) => (
            <circle key={part} cx={x(point[0])} cy={y(point[1])} r={3.5} fill={colourOf(part)} />
          ))}
        </g>
      </svg>
    </figure>
  );
}
