/** The boxes over the section: the one searched for, the match jumped to, the other matches of this line. */

import { box, mark, matches } from '../results/search';
import { jumpTo } from '../state/history';
import type { Part } from './picking';
import { partOf, tracesOf } from './picking';
import { drawing } from './gestures';
import { camera, shown, viewSize } from './shown';

const CORNERS = ['left top', 'right top', 'left bottom', 'right bottom'] as const;

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

function onScreen(part: Part): Rectangle | null {
  const over = camera.value;
  if (!over) return null;
  return {
    x: (part.left - over.left) * over.across,
    y: (part.top - over.top) * over.down,
    width: part.width * over.across,
    height: part.height * over.down,
  };
}

/** The searched box, where it lies on the section shown. */
function queryPart(): Part | null {
  const [now, asked] = [shown.value, box.value];
  if (!now || !asked || asked.survey !== now.survey.id) return null;
  if (asked.direction !== now.section.direction || asked.line !== now.section.line) return null;
  return partOf(now.section, asked.traces, asked.range);
}

/** The match jumped to, where it lies on the section shown. */
function markedPart(): Part | null {
  const [now, tile] = [shown.value, mark.value];
  const place = tile?.place;
  if (!now || !tile || !place || tile.survey !== now.survey.id) return null;
  if (place.direction !== now.section.direction || place.line !== now.section.line) return null;
  return partOf(now.section, tracesOf(place), [place.from, place.to]);
}

export function Boxes() {
  const now = shown.value;
  const { width, height } = viewSize.value;
  if (!now || !camera.value) return null;
  const drawn = drawing.value;
  const asked = queryPart();
  const marked = markedPart();
  const others = matches.value.filter(({ tile }) => tile.place && tile.survey === now.survey.id && tile.id !== mark.value?.id
    && tile.place.direction === now.section.direction && tile.place.line === now.section.line);
  return (
    <svg class="boxes" width={width} height={height} aria-hidden="true">
      {others.map(({ tile }) => (
        <Outline
          key={tile.id} class="box-other" part={partOf(now.section, tracesOf(tile.place!), [tile.place!.from, tile.place!.to])}
          onDblClick={() => jumpTo(tile)}
        />
      ))}
      {marked && <Outline class="box-mark" part={marked} label="Match" />}
      {asked && !drawn && <Outline class="box-query" part={asked} label="Query" corners />}
      {drawn && <Outline class="box-query" part={drawn} label={`${drawn.width} × ${drawn.height}`} />}
    </svg>
  );
}

interface OutlineProps {
  class: string;
  part: Part;
  label?: string;
  corners?: boolean;
  onDblClick?: () => void;
}

/** A box with a dark rim, so that it is seen on every colour map. */
function Outline({ class: kind, part, label, corners, onDblClick }: OutlineProps) {
  const at = onScreen(part);
  if (!at) return null;
  const labelWidth = label ? label.length * 7 + 11 : 0;
  // The label stands above the box, or inside it at the view's upper edge.
  const labelY = at.y >= 18 ? at.y - 17 : at.y + 1;
  return (
    <g class={kind} onDblClick={onDblClick}>
      <rect class="rim" {...at} />
      <rect class="line" {...at} />
      {label && (
        <g class="label" transform={`translate(${at.x - 1} ${labelY})`}>
          <rect width={labelWidth} height={16} rx={2} />
          <text x={5} y={12}>{label}</text>
        </g>
      )}
      {corners && CORNERS.map((name) => (
        <rect
          key={name} class="corner" data-corner={name} width={10} height={10} rx={2}
          x={(name.includes('left') ? at.x : at.x + at.width) - 5} y={(name.includes('top') ? at.y : at.y + at.height) - 5}
        />
      ))}
    </g>
  );
}
