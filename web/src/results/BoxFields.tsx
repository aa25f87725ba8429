/** The box in numbers: what can be drawn with a mouse can be typed. */

import { useSignal } from '@preact/signals';
import type { Section } from '../api/types';
import { say, unsay } from '../state/view';
import { windowOf } from '../viewer/camera';
import { askPart } from '../viewer/gestures';
import { boxProblem, partBetween, partOf, valuesAt } from '../viewer/picking';
import { camera, shown, viewSize } from '../viewer/shown';
import { box } from './search';

type Name = 'first' | 'last' | 'from' | 'to';

export function BoxFields() {
  const typed = useSignal<Partial<Record<Name, string>>>({});
  const now = shown.value;
  if (!now || now.section.direction === 'slice') {
    return <p class="quiet">Boxes are searched on inlines and crosslines; choose one of them first.</p>;
  }
  const { section } = now;
  const usual = proposal(section, now.survey.id);
  const value = (name: Name): string => typed.value[name] ?? String(usual[name]);
  const submit = (event: Event): void => {
    event.preventDefault();
    const numbers = (['first', 'last', 'from', 'to'] as const).map((name) => (value(name).trim() === '' ? NaN : Number(value(name))));
    if (!numbers.every(Number.isFinite)) return say('A box needs four numbers.', true);
    const [first, last, from, to] = numbers as [number, number, number, number];
    const problem = boxProblem(section, [first, last], [from, to]);
    if (problem !== null) return say(problem, true);
    const wanted = partOf(section, [first, last], [from, to]);
    const part = partBetween(
      section, { x: wanted.left, y: wanted.top }, { x: wanted.left + wanted.width, y: wanted.top + wanted.height },
    );
    typed.value = {};
    unsay();
    if (part) askPart(part);
  };
  const field = (name: Name, label: string) => (
    <label>
      <span class="hidden">{label}</span>
      <input
        id={`box-${name}`} inputMode="decimal" autocomplete="off" value={value(name)} title={label}
        onInput={(event) => (typed.value = { ...typed.value, [name]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <form class="box-fields" onSubmit={submit}>
      <span>{section.horizontal.label}s</span>
      {field('first', `First ${section.horizontal.label}`)} <span>to</span> {field('last', `Last ${section.horizontal.label}`)}
      <span>{section.vertical.unit ?? section.vertical.label}</span>
      {field('from', `From, in ${section.vertical.unit ?? ''}`)} <span>to</span> {field('to', `To, in ${section.vertical.unit ?? ''}`)}
      <button type="submit" class="main">Search</button>
    </form>
  );
}

/** The box that is searched for on this section, else one in the middle of what is seen. */
function proposal(section: Section, survey: string): Record<Name, number> {
  const asked = box.value;
  if (asked && asked.survey === survey && asked.direction === section.direction && asked.line === section.line) {
    return { first: asked.traces[0], last: asked.traces[1], from: asked.range[0], to: asked.range[1] };
  }
  const seen = camera.value
    ? windowOf(camera.value, viewSize.value)
    : { left: 0, right: section.width, top: 0, bottom: section.height };
  const at = (low: number, high: number, count: number, share: number): number =>
    Math.floor(Math.max(0, low) + share * (Math.min(count, high) - Math.max(0, low)));
  const corner = (share: number): { x: number; y: number } =>
    ({ x: at(seen.left, seen.right, section.width, share), y: at(seen.top, seen.bottom, section.height, share) });
  // However little is seen, what is proposed is large enough to be searched.
  const part = partBetween(section, corner(0.4), corner(0.6)) ?? { left: 0, top: 0, width: section.width, height: section.height };
  const a = valuesAt(section, part.left + 0.5, part.top + 0.5);
  const b = valuesAt(section, part.left + part.width - 0.5, part.top + part.height - 0.5);
  return { first: a.across, last: b.across, from: a.down, to: b.down };
}
