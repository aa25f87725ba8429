/** The section with its axes, boxes and states. */

import { effect, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { gone } from '../api/connection';
import { lineName } from '../state/lines';
import { library, openSurvey, survey, surveys } from '../state/catalogue';
import { valueOf } from '../state/loading';
import { boxTool, direction, isDark, look } from '../state/view';
import { box } from '../results/search';
import { Failure } from '../page/Failure';
import { AxisAcross, AxisDown } from './Rulers';
import { Boxes } from './Boxes';
import { canvasPainter } from './canvas2d';
import { table } from './colours';
import { drawing, listen } from './gestures';
import { glPainter } from './gl';
import type { Painter } from './painter';
import { drawable } from './painter';
import { partOf } from './picking';
import { tilesFor } from './pyramid';
import { camera, clip, lineShown, sectionState, setViewSize, shown, tileProblem, tilesCome, viewSize } from './shown';
import { StatusBar } from './StatusBar';
import { Toolbar } from './Toolbar';

export function SectionViewer() {
  return valueOf(surveys.now.value)?.length === 0 ? <NoSurveys /> : <Viewer />;
}

function NoSurveys() {
  const folder = valueOf(library.now.value)?.folder_name ?? 'LIBRARY';
  return (
    <div class="empty" role="status">
      <h2>No surveys yet</h2>
      <p>Index a survey into this library, then load this page again:</p>
      <pre>refcon index survey.sgy --library {folder}</pre>
    </div>
  );
}

function Viewer() {
  const plot = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => draw(canvas.current!), []);
  useEffect(() => follow(plot.current!), []);
  useEffect(() => listen(plot.current!, grabbedCorner), []);
  const name = lineShown.value === null ? 'No section' : lineName(openSurvey.value, direction.value, lineShown.value);
  return (
    <section class="viewer" aria-label="Section viewer">
      <Toolbar />
      <div class="frame">
        <AxisTitles />
        <AxisAcross />
        <AxisDown />
        <div
          class={`plot ${boxTool.value ? 'drawing' : ''}`} ref={plot} tabIndex={0} role="application"
          aria-roledescription="seismic section" aria-keyshortcuts="ArrowLeft ArrowRight ArrowUp ArrowDown + - F [ ]"
          aria-label={`${survey.value?.name ?? ''}, ${name}. Arrow keys pan, plus and minus zoom, brackets change the line.`}
        >
          <canvas ref={canvas} aria-hidden="true" />
          <Boxes />
        </div>
        <States />
      </div>
      <StatusBar />
    </section>
  );
}

function AxisTitles() {
  const section = shown.value?.section;
  if (!section) return null;
  const { horizontal, vertical } = section;
  return (
    <>
      <span class="axis-title down" aria-hidden="true">{vertical.unit ?? capital(vertical.label)}</span>
      <span class="axis-title across" aria-hidden="true">{capital(horizontal.label)}</span>
    </>
  );
}

/** `Crossline`, but `CDP`. */
const capital = (text: string): string => (text === 'cdp' ? 'CDP' : text.charAt(0).toUpperCase() + text.slice(1));

/** What stands over the section while there is nothing to see, or not the newest. */
function States() {
  const state = sectionState.value;
  const waiting = useSignal(false);
  const loading = state.state === 'loading' || (shown.value?.tiles.empty === true && tilesCome.value >= 0 && !tileProblem.value);
  useEffect(() => {
    // Most sections come sooner than a spinner could be read.
    const timer = setTimeout(() => (waiting.value = loading), loading ? 250 : 0);
    return () => clearTimeout(timer);
  }, [loading]);
  // A server that is gone has a line of its own above; what was seen last can still be looked at.
  if (state.state === 'failed' && gone.value && shown.value) return null;
  if (state.state === 'failed') return <div class="over"><Failure title="This section cannot be shown" failure={state} /></div>;
  if (tileProblem.value) return <p class="over-note bad" role="alert">{tileProblem.value}</p>;
  if (waiting.value && loading) return <p class="over-note" role="status"><span class="spinner" /> Reading the section…</p>;
  return null;
}

/** Keeps the canvas painted with what the signals say, at most once a frame. */
function draw(canvas: HTMLCanvasElement): () => void {
  let frame = 0;
  const again = (): void => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(paint);
  };
  const painter: Painter = glPainter(canvas, again) ?? canvasPainter(canvas);
  canvas.dataset['painter'] = painter.name;

  function paint(): void {
    const [now, over, view] = [shown.value, camera.value, viewSize.value];
    if (!now) painter.paint([], { table: table('grey', false), clip: 1, smooth: false });
    if (!now || !over || view.width === 0) return;
    const ratio = devicePixelRatio;
    const wanted = tilesFor(now.section, over, view, ratio);
    now.tiles.want(wanted);
    // Until something of the next line is there, the last one stays: leafing through lines must not flicker.
    if (now.tiles.empty && !tileProblem.value) return;
    const [width, height] = [Math.round(view.width * ratio), Math.round(view.height * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const { colours, flipped, smooth } = look.value;
    painter.paint(
      drawable(now.section, wanted, over, ratio, (place) => now.tiles.get(place)),
      { table: table(colours, flipped), clip: clip.value, smooth },
    );
    canvas.dataset['drawn'] = `${now.section.direction} ${now.section.line}${now.tiles.busy ? '' : ' whole'}`;
  }

  const stop = effect(() => {
    // Whatever is read here paints again when it changes.
    void [shown.value, camera.value, viewSize.value, look.value, clip.value, tilesCome.value, isDark.value, tileProblem.value];
    again();
  });
  return () => {
    stop();
    cancelAnimationFrame(frame);
    painter.close();
  };
}

function follow(plot: HTMLElement): () => void {
  const observer = new ResizeObserver(() => setViewSize({ width: plot.clientWidth, height: plot.clientHeight }));
  observer.observe(plot);
  return () => observer.disconnect();
}

/** The place opposite to the corner of the drawn box that was grabbed. */
function grabbedCorner(target: EventTarget | null): { x: number; y: number } | null {
  const name = target instanceof Element ? target.getAttribute('data-corner') : null;
  const now = shown.value;
  if (!name || !now || !box.value || drawing.value) return null;
  const part = partOf(now.section, box.value.traces, box.value.range);
  return {
    x: name.includes('left') ? part.left + part.width : part.left,
    y: name.includes('top') ? part.top + part.height : part.top,
  };
}
