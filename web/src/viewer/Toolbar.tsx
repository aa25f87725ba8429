/** The section viewer's tools. */

import { useSignal } from '@preact/signals';
import type { Colours, Direction } from '../api/types';
import { Icon } from '../page/icons';
import type { IconName } from '../page/icons';
import { openSurvey } from '../state/catalogue';
import { directionsOf, lineProblem, lineRange, linesOf, nearest } from '../state/lines';
import { boxTool, changeLook, direction, line, look, say, unsay } from '../state/view';
import { COLOURS } from './colours';
import { exaggeration } from './exaggeration';
import { zoomBy } from './gestures';
import { camera, chooseDirection, fit, lineShown, shown, step } from './shown';

const STRETCH = 1.25;

export function Toolbar() {
  return (
    <div class="toolbar" role="toolbar" aria-label="Section tools">
      <Directions />
      <LineBox />
      <div class="tool-group" role="group" aria-label="What dragging does">
        <Tool icon="pan" label="Pan" shortcut="B" pressed={!boxTool.value} act={() => (boxTool.value = false)} />
        <Tool
          icon="box" text="Box" label="Draw a box to search" shortcut="B, or Shift and drag" pressed={boxTool.value}
          act={() => (boxTool.value = true)}
        />
      </div>
      <div class="tool-group" role="group" aria-label="Zoom">
        <Tool icon="minus" label="Zoom out" shortcut="−" act={() => zoomBy(1 / 1.5, 1 / 1.5)} />
        <Tool icon="plus" label="Zoom in" shortcut="+" act={() => zoomBy(1.5, 1.5)} />
        <Tool icon="fit" label="Whole section" shortcut="F" act={fit} />
      </div>
      <Exaggeration />
      <ColourChoice />
      <ClipSlider />
      <div class="tool-group">
        <Tool
          icon="polarity" label="Flip polarity" shortcut="P" pressed={look.value.flipped}
          act={() => changeLook({ flipped: !look.value.flipped })}
        />
        <Tool
          icon="smooth" label="Smooth between samples" shortcut="M" pressed={look.value.smooth}
          act={() => changeLook({ smooth: !look.value.smooth })}
        />
      </div>
    </div>
  );
}

interface ToolProps {
  icon: IconName;
  label: string;
  shortcut?: string;
  pressed?: boolean;
  text?: string;
  disabled?: boolean;
  act: () => void;
}

export function Tool({ icon, label, shortcut, pressed, text, disabled = false, act }: ToolProps) {
  return (
    <button
      type="button" class="tool" aria-label={label} title={shortcut ? `${label} (${shortcut})` : label} onClick={act}
      disabled={disabled} {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
    >
      <Icon name={icon} />
      {text && <span>{text}</span>}
    </button>
  );
}

const SHORTCUTS: Record<Direction, string> = { inline: 'I', crossline: 'X', slice: 'T' };

function Directions() {
  const now = openSurvey.value;
  if (!now) return null;
  const names: Record<Direction, string> = {
    inline: now.geometry.type === 'line' ? 'Line' : 'Inline',
    crossline: 'Crossline',
    slice: now.samples.domain === 'depth' ? 'Depth' : 'Time',
  };
  return (
    <div class="segments" role="group" aria-label="Direction of the section">
      {directionsOf(now).map((way) => (
        <button
          key={way} type="button" aria-pressed={direction.value === way} title={`${names[way]} (${SHORTCUTS[way]})`}
          onClick={() => chooseDirection(way)}
        >
          {names[way]}
        </button>
      ))}
    </div>
  );
}

function LineBox() {
  const typed = useSignal<string | null>(null);
  const now = openSurvey.value;
  if (!now || lineShown.value === null) return null;
  const lines = linesOf(now, direction.value);
  const unit = direction.value === 'slice' ? now.samples.unit : '';
  const range = lineRange(now, direction.value);
  const take = (): void => {
    const wanted = typed.value;
    typed.value = null;
    if (wanted === null || wanted.trim() === '') return;
    const problem = lineProblem(now, direction.value, wanted);
    if (problem !== null) return say(problem, true);
    unsay();
    line.value = nearest(lines, Number(wanted));
  };
  return (
    <form
      class="line-box" onSubmit={(event) => {
        event.preventDefault();
        take();
      }}
    >
      <Tool icon="previous" label="Previous line" shortcut="[ or Shift and wheel" disabled={lines.count < 2} act={() => step(-1)} />
      <label title={`Go to line (G): ${range}`}>
        <span class="hidden">Go to line, {range}</span>
        <input
          id="line" inputMode="decimal" autocomplete="off" value={typed.value ?? String(lineShown.value)} size={6}
          onInput={(event) => (typed.value = event.currentTarget.value)} onBlur={take}
          onFocus={(event) => event.currentTarget.select()}
        />
        {unit && <span class="unit">{unit}</span>}
      </label>
      <Tool icon="next" label="Next line" shortcut="] or Shift and wheel" disabled={lines.count < 2} act={() => step(1)} />
    </form>
  );
}

function Exaggeration() {
  const [now, over] = [shown.value, camera.value];
  // Nothing on a slice is vertical.
  if (!now || !over || now.section.direction === 'slice') return null;
  const { value, meaning } = exaggeration(now.survey, now.section, over);
  return (
    <div class="stretch" role="group" aria-label="Vertical stretch" title={`Sections are stretched: ${meaning}`}>
      <span class="quiet">V/H</span>
      <Tool icon="minus" label="Less stretch" shortcut="Alt and wheel" act={() => zoomBy(1, 1 / STRETCH)} />
      <output>{value >= 10 ? value.toFixed(0) : value.toFixed(value >= 1 ? 1 : 2)}×</output>
      <Tool icon="plus" label="More stretch" shortcut="Alt and wheel" act={() => zoomBy(1, STRETCH)} />
    </div>
  );
}

const COLOUR_NAMES: Record<Colours, string> = { grey: 'Grey', 'red-white-blue': 'Red–white–blue', viridis: 'Viridis' };

function ColourChoice() {
  return (
    <label class="choice" title="Colours (C)">
      <span class="hidden">Colours</span>
      <select
        id="colours" value={look.value.colours}
        onChange={(event) => changeLook({ colours: event.currentTarget.value as Colours })}
      >
        {COLOURS.map((name) => <option key={name} value={name}>{COLOUR_NAMES[name]}</option>)}
      </select>
    </label>
  );
}

/** The slider moves over how rarely amplitudes are larger: 10 %, 1 %, 0.1 %. */
const STOPS = [80, 85, 90, 92, 94, 95, 96, 97, 98, 98.5, 99, 99.3, 99.5, 99.7, 99.8, 99.9];

function ClipSlider() {
  const now = look.value.percentile;
  const at = STOPS.reduce((best, stop, i) => (Math.abs(stop - now) < Math.abs(STOPS[best]! - now) ? i : best), 0);
  return (
    <label class="slider" title="Clip: amplitudes beyond this percentile get the colours of the ends (, and .)">
      <span>Clip</span>
      <input
        id="clip" type="range" min={0} max={STOPS.length - 1} step={1} value={at} aria-valuetext={`${now} percent`}
        onInput={(event) => changeLook({ percentile: STOPS[Number(event.currentTarget.value)]! })}
      />
      <output>{now}%</output>
    </label>
  );
}

/** The next clip up or down, for the keyboard. */
export function moveClip(by: number): void {
  const now = look.value.percentile;
  const next = by > 0 ? STOPS.find((stop) => stop > now) : STOPS.findLast((stop) => stop < now);
  if (next !== undefined) changeLook({ percentile: next });
}
