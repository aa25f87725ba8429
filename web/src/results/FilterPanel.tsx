/** What a match must be to be shown: applied by the server, over the whole library. */

import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { SearchDirection } from '../api/types';
import { library, surveys } from '../state/catalogue';
import { noFilters } from '../state/link';
import { valueOf } from '../state/loading';
import { changeFilters, filterCount, filters, perSurvey, search } from './search';

export function FilterPanel() {
  const known = [...(valueOf(surveys.now.value) ?? []), ...(valueOf(library.now.value)?.folders ?? [])];
  // The library's own: labels given here are not searched by.
  const classes = valueOf(library.now.value)?.classes ?? [];
  const now = filters.value;
  return (
    <div class="filters" id="filters" role="group" aria-label="Filters">
      {known.length > 1 && (
        <Row name="Survey">
          {known.map(({ id, name }) => (
            <Chip key={id} name={name} on={now.surveys.includes(id)} act={() => changeFilters({ surveys: toggled(now.surveys, id) })} />
          ))}
        </Row>
      )}
      <Row name="Direction">
        {(['inline', 'crossline'] as SearchDirection[]).map((way) => (
          <Chip
            key={way} name={way} on={now.directions.includes(way)}
            act={() => changeFilters({ directions: toggled(now.directions, way) })}
          />
        ))}
      </Row>
      <Row name="Lines"><Range name="lines" value={now.lines} change={(lines) => changeFilters({ lines: lines && [Math.round(lines[0]), Math.round(lines[1])] })} /></Row>
      <Row name="Time, depth"><Range name="range" value={now.range} change={(range) => changeFilters({ range })} /></Row>
      {classes.length > 0 && (
        <Row name="Class">
          {classes.map(({ name }) => (
            <Chip key={name} name={name} on={now.classes.includes(name)} act={() => changeFilters({ classes: toggled(now.classes, name) })} />
          ))}
        </Row>
      )}
      <Row name="Region">
        {now.region
          ? <Chip name={`${now.region.length} corners`} on act={() => changeFilters({ region: null })} />
          : (
            <details>
              <summary class="quiet">draw it on the map, or type it</summary>
              <RegionFields />
            </details>
          )}
      </Row>
      <Row name="Each survey">
        <label class="row">
          at most
          <input
            class="narrow" inputMode="numeric" placeholder="all" aria-label="Matches of each survey at most" value={perSurvey.value ?? ''}
            onChange={(event) => {
              const most = Math.floor(Number(event.currentTarget.value));
              perSurvey.value = most > 0 ? most : null;
              void search();
            }}
          />
        </label>
      </Row>
      {filterCount.value > 0 && <button type="button" onClick={() => changeFilters(noFilters())}>Clear filters</button>}
    </div>
  );
}

/** A rectangle in X and Y, for those who cannot draw one. */
function RegionFields() {
  const x = useSignal<[number, number] | null>(null);
  const y = useSignal<[number, number] | null>(null);
  const take = (): void => {
    if (!x.value || !y.value) return;
    const [[left, right], [low, high]] = [x.value, y.value];
    changeFilters({ region: [[left, low], [right, low], [right, high], [left, high]] });
  };
  const keep = (axis: typeof x) => (value: [number, number] | null): void => {
    axis.value = value;
    take();
  };
  return (
    <>
      <Range name="X" value={x.value} change={keep(x)} />
      <Range name="Y" value={y.value} change={keep(y)} />
    </>
  );
}

function Row({ name, children }: { name: string; children: ComponentChildren }) {
  return <div class="filter-row"><span class="filter-name">{name}</span><div class="filter-values">{children}</div></div>;
}

function Chip({ name, on, act }: { name: string; on: boolean; act: () => void }) {
  return <button type="button" class="chip" aria-pressed={on} onClick={act}>{name}</button>;
}

function toggled<T>(values: T[], value: T): T[] {
  return values.includes(value) ? values.filter((one) => one !== value) : [...values, value];
}

/** Stands for no limit on one side: no line number, time or depth is as large. */
const OPEN = 1e9;
const written = (end: number | undefined): string => (end === undefined || Math.abs(end) >= OPEN ? '' : String(end));

interface RangeProps {
  name: string;
  value: [number, number] | null;
  change: (value: [number, number] | null) => void;
}

/** Two numbers; both empty means no limit, one empty means none on that side. */
function Range({ name, value, change }: RangeProps) {
  const low = useSignal(written(value?.[0]));
  const high = useSignal(written(value?.[1]));
  const take = (): void => {
    const [a, b] = [low.value.trim(), high.value.trim()];
    const [from, to] = [a === '' ? -OPEN : Number(a), b === '' ? OPEN : Number(b)];
    if (a === '' && b === '') {
      if (value) change(null);
    } else if (Number.isFinite(from) && Number.isFinite(to) && (from !== value?.[0] || to !== value[1])) {
      change([Math.min(from, to), Math.max(from, to)]);
    }
  };
  return (
    <form
      class="row" onSubmit={(event) => {
        event.preventDefault();
        take();
      }}
    >
      <input
        id={`filter-${name}-from`} class="narrow" inputMode="decimal" placeholder="from" aria-label={`${name} from`} value={low.value}
        onInput={(event) => (low.value = event.currentTarget.value)} onBlur={take}
      />
      <input
        id={`filter-${name}-to`} class="narrow" inputMode="decimal" placeholder="to" aria-label={`${name} to`} value={high.value}
        onInput={(event) => (high.value = event.currentTarget.value)} onBlur={take}
      />
      <button type="submit" class="hidden">Apply</button>
    </form>
  );
}
