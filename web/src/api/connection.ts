/** Whether the server can be reached, and whether it wants a token. */

import { signal } from '@preact/signals';

export const gone = signal(false);
export const tokenWanted = signal(false);
/** Counts up when the server is back, so that what failed meanwhile is asked for again. */
export const reconnections = signal(0);

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15_000;
let timer: ReturnType<typeof setTimeout> | undefined;

export function reached(): void {
  if (!gone.value) return;
  gone.value = false;
  clearTimeout(timer);
  reconnections.value += 1;
}

export function lost(): void {
  if (gone.value) return;
  gone.value = true;
  later(FIRST_PAUSE);
}

function later(pause: number): void {
  timer = setTimeout(() => void tryAgain(Math.min(2 * pause, LONGEST_PAUSE)), pause);
}

/** Asks whether the server is there; if not, asks again later. */
export async function tryAgain(pause = FIRST_PAUSE): Promise<void> {
  clearTimeout(timer);
  try {
    await fetch('/api/library', { credentials: 'same-origin' });
    reached();
  } catch {
    later(pause);
  }
}
