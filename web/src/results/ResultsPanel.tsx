/** What was asked, and what came back. */

import { valueOf } from '../state/loading';
import { Failure } from '../page/Failure';
import { Icon } from '../page/icons';
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Cards } from './Cards';
import { ExportMenu } from './ExportMenu';
import { FilterPanel } from './FilterPanel';
import { FeedbackBar } from './FeedbackBar';
import { QueryCard } from './QueryCard';
import { Thresholds } from './Thresholds';
import { answer, currentQuery, filterCount, k, matches, search } from './search';
import { passedOver } from './wording';

export const filtersShown = signal(false);
const CHOICES_OF_K = [20, 50, 100, 200, 500];

export function ResultsPanel() {
  const state = answer.now.value;
  const found = valueOf(state);
  const searching = state.state === 'loading';
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // A new answer is read from its best match on.
    if (!searching) body.current?.scrollTo(0, 0);
  }, [searching]);
  return (
    <section class="results" aria-label="Look-alikes" aria-busy={searching}>
      <QueryCard />
      {currentQuery() && (
        <div class="results-tools">
          <p class="count" role="status" aria-live="polite">
            {searching ? <><span class="spinner" /> Searching…</> : found ? <Count /> : null}
          </p>
          <label class="choice" title="How many matches are asked for">
            <span class="hidden">Matches</span>
            <select
              id="k" value={String(k.value)} onChange={(event) => {
                k.value = Number(event.currentTarget.value);
                void search();
              }}
            >
              {[...new Set([...CHOICES_OF_K, k.value])].sort((a, b) => a - b).map((count) => (
                <option key={count} value={String(count)}>best {count}</option>
              ))}
            </select>
          </label>
          <button
            type="button" class="tool" aria-expanded={filtersShown.value} aria-controls="filters" title="Filters (L)"
            onClick={() => (filtersShown.value = !filtersShown.value)}
          >
            <Icon name="filter" /> <span>Filter{filterCount.value > 0 && <b class="badge">{filterCount.value}</b>}</span>
          </button>
          <ExportMenu />
        </div>
      )}
      {currentQuery() && filtersShown.value && <FilterPanel />}
      {found && !searching && found.matches.length < k.value && passedOver(found) !== '' && (
        <p class="passed-over">Passed over: {passedOver(found)}</p>
      )}
      {found && found.matches.length > 0 && <Thresholds matches={found.matches} />}
      <div class="results-body" ref={body}>
        {state.state === 'failed' && <Failure title="The search failed" failure={state} again={() => void search()} />}
        {found && state.state !== 'failed' && <Cards answer={found} stale={searching} />}
        {state.state === 'ready' && found?.matches.length === 0 && <Nothing />}
      </div>
      <FeedbackBar />
    </section>
  );
}

function Count() {
  const found = valueOf(answer.now.value);
  if (!found) return null;
  const shown = matches.value.length;
  const all = found.matches.length;
  const of = shown === all ? `${all} matches` : `${shown} of ${all} matches`;
  const passed = found.tiles_passed === found.tiles_searched ? '' : `, ${found.tiles_passed.toLocaleString('en')} passed the filters`;
  const uncovered = found.not_covered > 0 ? `; ${found.not_covered.toLocaleString('en')} tiles have no embedding of this encoder` : '';
  const over = passedOver(found);
  return (
    <span title={`${found.tiles_searched.toLocaleString('en')} tiles searched${passed}${uncovered}${over && `; passed over: ${over}`}`}>
      <strong>{of}</strong> <small>in {found.milliseconds < 1 ? '< 1' : Math.round(found.milliseconds)} ms</small>
    </span>
  );
}

function Nothing() {
  return (
    <div class="failure" role="status">
      <h3>Nothing found</h3>
      <p>{filterCount.value > 0 ? 'No tile passes these filters.' : 'The library holds no other tile that could be compared.'}</p>
    </div>
  );
}
