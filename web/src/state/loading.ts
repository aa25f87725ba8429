/** Things that come from the server: on their way, there, or failed in the server's words. */

import type { ReadonlySignal } from '@preact/signals';
import { signal } from '@preact/signals';
import { ServerError } from '../api/client';

export type Loading<T> =
  | { state: 'waiting' }
  | { state: 'loading'; before: T | null }
  | { state: 'ready'; value: T }
  | { state: 'failed'; message: string; hint: string | null };

export interface Resource<T> {
  now: ReadonlySignal<Loading<T>>;
  /** Asks for it (again); a later call wins over an earlier one. */
  load(ask: (stop: AbortSignal) => Promise<T>): Promise<void>;
  clear(): void;
  /** Changes the value that is there, after something was sent to the server that changes it. */
  change(edit: (value: T) => T): void;
}

export function valueOf<T>(loading: Loading<T>): T | null {
  if (loading.state === 'ready') return loading.value;
  return loading.state === 'loading' ? loading.before : null;
}

export function failure(error: unknown): { message: string; hint: string | null } {
  const message = error instanceof Error ? error.message : String(error);
  return { message, hint: error instanceof ServerError ? error.hint : null };
}

export function resource<T>(): Resource<T> {
  const now = signal<Loading<T>>({ state: 'waiting' });
  let running: AbortController | null = null;
  return {
    now,
    async load(ask) {
      running?.abort();
      const mine = new AbortController();
      running = mine;
      now.value = { state: 'loading', before: valueOf(now.peek()) };
      try {
        const value = await ask(mine.signal);
        if (running === mine) now.value = { state: 'ready', value };
      } catch (error) {
        if (running === mine) now.value = { state: 'failed', ...failure(error) };
      }
    },
    clear() {
      running?.abort();
      running = null;
      now.value = { state: 'waiting' };
    },
    change(edit) {
      const value = valueOf(now.peek());
      if (value !== null) now.value = { state: 'ready', value: edit(value) };
    },
  };
}
