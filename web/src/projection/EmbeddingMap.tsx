/** The embeddings in two dimensions: what lies close together looks alike to the encoder. */

import { computed, signal, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import * as api from '../api/client';
import type { Point, Projection, ProjectionPoint, TileId } from '../api/types';
import type { MapFrame } from '../map/frame';
import { framed, inside, toScreen, zoomedMap } from '../map/frame';
import { Failure } from '../page/Failure';
import { Icon } from '../page/icons';
import { matches } from '../results/search';
import { surveyName } from '../state/catalogue';
import { resource, valueOf } from '../state/loading';
import { isDark } from '../state/view';
import { coloursOf, WITHOUT } from './palette';
import { Selection, TilePreview } from './Selection';

const projection = resource<Projection>();
const colouredBy = signal<'class' | 'survey'>('class');
export const selected = signal<TileId[]>([]);

/** How near the cursor a point must be, in pixels. */
const NEAR = 9;
const ZOOM_SPEED = 0.0016;

const points = computed(() => valueOf(projection.now.value)?.points ?? []);
const nameOf = (point: ProjectionPoint): string | null => (colouredBy.value === 'class' ? point.class : surveyName(point.survey));
const colours = computed(() => coloursOf(points.value.map(nameOf)));

export function EmbeddingMap() {
  useEffect(() => void projection.load(api.projection), []);
  const state = projection.now.value;
  const found = valueOf(state);
  return (
    <section class="page-view embedding" aria-label="Embedding map">
      <header class="page-head">
        <div>
          <h2>Embedding map</h2>
          <p class="quiet">
            {found && `${shareOf(found)}, ${found.method === 'pca' ? 'principal components' : found.method}. `}
            Drag around points to choose them.
          </p>
        </div>
        <label class="choice">Colours by{' '}
          <select id="coloured-by" value={colouredBy.value} onChange={(event) => (colouredBy.value = event.currentTarget.value as 'class' | 'survey')}>
            <option value="class">class</option>
            <option value="survey">survey</option>
          </select>
        </label>
      </header>
      {state.state === 'failed' && <Failure title="No embedding map" failure={state} again={() => void projection.load(api.projection)} />}
      {!found && state.state === 'loading' && <p class="quiet" role="status"><span class="spinner" /> Projecting the embeddings…</p>}
      {found?.points.length === 0 && <div class="empty" role="status"><h3>No embeddings yet</h3><p>Index a survey first.</p></div>}
      {found && found.points.length > 0 && <div class="embedding-body"><Scatter /><Selection ids={selected.value} /></div>}
    </section>
  );
}

function shareOf({ points: shown, tiles }: Projection): string {
  const all = tiles.toLocaleString('en');
  return shown.length < tiles ? `${shown.length.toLocaleString('en')} of ${all} tiles` : `${all} tiles`;
}

function Scatter() {
  const element = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSignal({ width: 0, height: 0 });
  const moved = useSignal<MapFrame | null>(null);
  const lasso = useSignal<Point[] | null>(null);
  const hovered = useSignal<{ id: TileId; at: Point } | null>(null);
  const frame = (): MapFrame | null =>
    moved.value ?? framed(points.value.map(({ x, y }) => [x, y]), size.value.width, size.value.height);

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      size.value = { width: entry!.contentRect.width, height: entry!.contentRect.height };
      moved.value = null;
    });
    const box = element.current!;
    observer.observe(box);
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      const now = frame();
      if (now) moved.value = zoomedMap(now, at(event), Math.exp(-event.deltaY * ZOOM_SPEED));
    };
    box.addEventListener('wheel', wheel, { passive: false });
    return () => {
      observer.disconnect();
      box.removeEventListener('wheel', wheel);
    };
  }, []);
  useSignalEffect(() => {
    const now = frame();
    if (now && canvas.current) paint(canvas.current, now);
  });

  const at = (event: MouseEvent): Point => {
    const box = element.current!.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    element.current!.setPointerCapture(event.pointerId);
    lasso.value = [at(event)];
    hovered.value = null;
  };
  const move = (event: PointerEvent): void => {
    const now = frame();
    if (!now) return;
    if (lasso.value) {
      lasso.value = [...lasso.value, at(event)];
      return;
    }
    const near = nearestPoint(now, at(event));
    if (near?.id !== hovered.value?.id) hovered.value = near && { id: near.id, at: at(event) };
  };
  const up = (event: PointerEvent): void => {
    const now = frame();
    const line = lasso.value;
    lasso.value = null;
    if (!now || !line) return;
    if (line.length < 6) {
      const near = nearestPoint(now, at(event));
      selected.value = near ? [near.id] : [];
    } else {
      selected.value = points.value.filter(({ x, y }) => inside(line, toScreen(now, [x, y]))).map(({ id }) => id);
    }
  };
  return (
    <div class="scatter">
      <div
        class="scatter-area" ref={element} role="img" aria-label={`${points.value.length} embeddings as points`} onPointerDown={down}
        onPointerMove={move} onPointerUp={up} onPointerLeave={() => (hovered.value = null)}
      >
        <canvas ref={canvas} />
        {lasso.value && <svg class="lasso"><path d={`M${lasso.value.map((point) => point.join(' ')).join('L')}Z`} /></svg>}
        {hovered.value && <Hovered {...hovered.value} width={size.value.width} />}
      </div>
      <div class="legend">
        {[...colours.value].map(([name, colour]) => (
          <span key={name}><i style={{ background: colour }} /> {name}</span>
        ))}
        {colouredBy.value === 'class' && points.value.some((point) => point.class === null) && (
          <span><i style={{ background: WITHOUT }} /> no class</span>
        )}
        {matches.value.length > 0 && <span><i class="ring" /> matches</span>}
        <span class="spring" />
        <button type="button" class="tool" disabled={!moved.value} aria-label="All points" title="All points" onClick={() => (moved.value = null)}>
          <Icon name="fit" />
        </button>
      </div>
    </div>
  );
}

function Hovered({ id, at, width }: { id: TileId; at: Point; width: number }) {
  const left = at[0] > width - 150 ? at[0] - 140 : at[0] + 14;
  return <div class="hover-card" style={{ left: `${left}px`, top: `${at[1] + 14}px` }}><TilePreview id={id} side={112} /></div>;
}

function nearestPoint(frame: MapFrame, at: Point): ProjectionPoint | null {
  let best: ProjectionPoint | null = null;
  let least = NEAR;
  for (const point of points.value) {
    const [x, y] = toScreen(frame, [point.x, point.y]);
    const distance = Math.hypot(x - at[0], y - at[1]);
    if (distance < least) [best, least] = [point, distance];
  }
  return best;
}

function paint(canvas: HTMLCanvasElement, frame: MapFrame): void {
  const ratio = devicePixelRatio;
  canvas.width = Math.round(frame.width * ratio);
  canvas.height = Math.round(frame.height * ratio);
  const context = canvas.getContext('2d')!;
  context.scale(ratio, ratio);
  const radius = points.value.length > 5000 ? 2 : 3;
  const chosen = new Set(selected.value);
  const found = new Set(matches.value.map(({ tile }) => tile.id));
  const ink = isDark.value ? '#ffffff' : '#14181d';
  for (const point of points.value) {
    const [x, y] = toScreen(frame, [point.x, point.y]);
    if (x < -5 || y < -5 || x > frame.width + 5 || y > frame.height + 5) continue;
    const name = nameOf(point);
    context.globalAlpha = chosen.size === 0 || chosen.has(point.id) ? 0.9 : 0.35;
    context.fillStyle = (name !== null && colours.value.get(name)) || WITHOUT;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    if (!found.has(point.id)) continue;
    context.globalAlpha = 1;
    context.strokeStyle = ink;
    context.lineWidth = 1.4;
    context.beginPath();
    context.arc(x, y, radius + 2.5, 0, 2 * Math.PI);
    context.stroke();
  }
}
