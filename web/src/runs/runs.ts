/** Training runs, and the curves of the chosen one. */

import { signal } from '@preact/signals';
import * as api from '../api/client';
import type { Metric, Run } from '../api/types';
import { resource, valueOf } from '../state/loading';

/** A training writes numbers faster than they are worth reading. */
const PAUSE = 1000;

export const runs = resource<Run[]>();
export const metrics = resource<Metric[]>();
export const chosen = signal<string | null>(null);

export function choose(name: string): void {
  chosen.value = name;
  void metrics.load(() => api.metrics(name));
}

/** Lists the runs again: a new one is chosen, else the curves of the chosen one are read again. */
export async function refreshRuns(): Promise<void> {
  const newestOf = (): string | undefined => valueOf(runs.now.peek())?.at(-1)?.name;
  const before = newestOf();
  await runs.load(api.runs);
  // The newest run stands last.
  const newest = newestOf();
  const shown = newest !== before && newest !== undefined ? newest : chosen.peek();
  if (shown !== null) choose(shown);
}

let soon: ReturnType<typeof setTimeout> | undefined;

export function refreshRunsSoon(): void {
  soon ??= setTimeout(() => {
    soon = undefined;
    void refreshRuns();
  }, PAUSE);
}
