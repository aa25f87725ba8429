/** The base map: where surveys, the current line and the matches lie. */

import { computed, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Point, Survey } from '../api/types';
import { Icon } from '../page/icons';
import { answer, box, changeFilters, filters, mark, matches } from '../results/search';
import { openSurvey, survey, surveys } from '../state/catalogue';
import { valueOf } from '../state/loading';
import { jumpTo, keepPlace } from '../state/history';
import { direction, say } from '../state/view';
import { chooseSurvey, goTo, shown } from '../viewer/shown';
import { linesAt } from './bins';
import type { MapFrame } from './frame';
import { framed, inside, scaleBar, thinned, toMap, toScreen, zoomedMap } from './frame';

const MOST_CORNERS = 48;
const ZOOM_SPEED = 0.0016;

const located = computed<(Survey & { outline: Point[] })[]>(() =>
  (valueOf(surveys.now.value) ?? []).filter((one): one is Survey & { outline: Point[] } => (one.outline?.length ?? 0) > 0));

export function BaseMap() {
  const element = useRef<SVGSVGElement>(null);
  const size = useSignal({ width: 0, height: 0 });
  const moved = useSignal<MapFrame | null>(null);
  const lasso = useSignal<Point[] | null>(null);
  const drawingRegion = useSignal(false);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      size.value = { width, height };
      moved.value = null;
    });
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);
  const whole = framed(located.value.flatMap(({ outline }) => outline), size.value.width, size.value.height);
  const frame = moved.value ?? whole;

  const at = (event: MouseEvent): Point => {
    const box = element.current!.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  useEffect(() => {
    // Preact's own listener would be passive, and the page would scroll.
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      if (frame) moved.value = zoomedMap(frame, at(event), Math.exp(-event.deltaY * ZOOM_SPEED));
    };
    const target = element.current!;
    target.addEventListener('wheel', wheel, { passive: false });
    return () => target.removeEventListener('wheel', wheel);
  });
  const pan = useRef<Point | null>(null);
  const panned = useRef(false);

  const down = (event: PointerEvent): void => {
    if (event.button !== 0 || !frame) return;
    if (drawingRegion.value) {
      element.current!.setPointerCapture(event.pointerId);
      lasso.value = [at(event)];
    } else pan.current = at(event);
    panned.current = false;
  };
  const move = (event: PointerEvent): void => {
    if (!frame) return;
    if (lasso.value) lasso.value = [...lasso.value, at(event)];
    else if (pan.current && event.buttons & 1) {
      const [x, y] = at(event);
      const [dx, dy] = [x - pan.current[0], y - pan.current[1]];
      if (!panned.current && Math.hypot(dx, dy) < 4) return;
      panned.current = true;
      // Captured only now: a captured press would never reach the match it is on.
      element.current!.setPointerCapture(event.pointerId);
      const from = moved.value ?? frame;
      moved.value = { ...from, centre: [from.centre[0] - dx / from.scale, from.centre[1] + dy / from.scale] };
      pan.current = [x, y];
    }
  };
  const up = (event: PointerEvent): void => {
    pan.current = null;
    const line = lasso.value;
    lasso.value = null;
    if (!line || !frame) return clicked(event);
    drawingRegion.value = false;
    if (line.length < 3) return say('Drag a closed line around the region.', true);
    changeFilters({ region: thinned(line, MOST_CORNERS).map((point) => toMap(frame, point)) });
  };
  const clicked = (event: PointerEvent): void => {
    if (!frame || panned.current) return;
    const point = toMap(frame, at(event));
    const now = openSurvey.value;
    const lines = now && linesAt(now, point);
    if (now && lines) {
      const way = direction.value === 'crossline' ? 'crossline' : 'inline';
      keepPlace();
      goTo({ survey: now.id, direction: way, line: lines[way] });
      return;
    }
    const hit = located.value.find((one) => isVolume(one) && inside(one.outline, point));
    if (hit && hit.id !== survey.value?.id) {
      keepPlace();
      chooseSurvey(hit.id);
    }
  };

  return (
    <section class="map" aria-label="Base map">
      <div class="map-tools">
        <button
          type="button" class="tool" aria-pressed={drawingRegion.value} title="Draw a region to search in"
          aria-label="Draw a region to search in" disabled={!frame} onClick={() => (drawingRegion.value = !drawingRegion.value)}
        >
          <Icon name="lasso" />
        </button>
        <button type="button" class="tool" title="All surveys" aria-label="Show all surveys" disabled={!moved.value} onClick={() => (moved.value = null)}>
          <Icon name="fit" />
        </button>
      </div>
      <svg
        ref={element} role="img" aria-label={describe()} class={drawingRegion.value ? 'drawing' : ''}
        onPointerDown={down} onPointerMove={move} onPointerUp={up}
      >
        {frame && <Drawing frame={frame} lasso={lasso.value} />}
      </svg>
      {!frame && located.value.length === 0 && <p class="quiet">No survey here has coordinates.</p>}
    </section>
  );
}

/** Lines are drawn open. */
const isVolume = (one: Survey): boolean => one.available && one.geometry.type === 'volume';

function describe(): string {
  const lines = matches.value.filter(({ tile }) => tile.place?.corners).length;
  return `Map of ${located.value.length} surveys with ${lines} matches`;
}

const path = (frame: MapFrame, points: Point[], closed: boolean): string =>
  points.map((point, i) => `${i ? 'L' : 'M'}${toScreen(frame, point).map((n) => n.toFixed(1)).join(' ')}`).join('') + (closed ? 'Z' : '');

function Drawing({ frame, lasso }: { frame: MapFrame; lasso: Point[] | null }) {
  const section = shown.value?.section;
  const bar = scaleBar(frame, survey.value?.map_unit ?? located.value[0]?.map_unit ?? null, Math.min(90, frame.width / 3));
  const region = filters.value.region;
  const asked = valueOf(answer.now.value)?.query.place?.corners;
  return (
    <>
      {located.value.map((one) => (
        <path
          key={one.id} class={`outline ${one.id === survey.value?.id ? 'current' : ''} ${isVolume(one) ? '' : 'line'}`}
          d={path(frame, one.outline, isVolume(one))}
        >
          <title>{one.name}</title>
        </path>
      ))}
      {region && <path class="region" d={path(frame, region, true)} />}
      {section?.corners && isVolume(shown.value!.survey) && <path class="current-line" d={path(frame, section.corners, false)} />}
      {matches.value.map(({ tile }) => tile.place?.corners && (
        <path
          key={tile.id} class={`hit ${tile.id === mark.value?.id ? 'marked' : ''}`} d={path(frame, tile.place.corners, false)}
          onPointerUp={(event) => {
            event.stopPropagation();
            jumpTo(tile);
          }}
        />
      ))}
      {box.value && asked && <path class="asked" d={path(frame, asked, false)} />}
      {lasso && <path class="region" d={`M${lasso.map((point) => point.join(' ')).join('L')}`} />}
      <g class="scale-bar" transform={`translate(${frame.width - bar.pixels - 10} ${frame.height - 10})`}>
        <path d={`M0 -5V0H${bar.pixels}V-5`} />
        <text x={bar.pixels / 2} y={-6} text-anchor="middle">{bar.label}</text>
      </g>
    </>
  );
}
