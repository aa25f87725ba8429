/** What is shown; together with the search it makes up the link. */

import { computed, signal } from '@preact/signals';
import type { Direction } from '../api/types';
import type { Look, Tab } from './link';
import { plainLook } from './link';

export const tab = signal<Tab>('sections');
export const surveyId = signal<string | null>(null);
export const direction = signal<Direction>('inline');
/** The line's number, ms or m of a slice; null until the survey is known: then its middle. */
export const line = signal<number | null>(null);
export const look = signal<Look>(plainLook());
export const boxTool = signal(false);
export const helpShown = signal(false);

/** The style sheet's wide columns begin here. */
const wide = matchMedia('(width >= 1700px)');
export const wideScreen = signal(wide.matches);
wide.addEventListener('change', () => (wideScreen.value = wide.matches));

export type Theme = 'system' | 'dark' | 'light';
const THEMES: Theme[] = ['system', 'dark', 'light'];
const KEPT_AS = 'refcon-theme';

const systemDark = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(systemDark.matches);
systemDark.addEventListener('change', () => (systemIsDark.value = systemDark.matches));

export const theme = signal<Theme>(THEMES.find((name) => name === localStorage.getItem(KEPT_AS)) ?? 'system');
export const isDark = computed(() => (theme.value === 'system' ? systemIsDark.value : theme.value === 'dark'));

export function toggleTheme(): void {
  theme.value = isDark.value ? 'light' : 'dark';
  localStorage.setItem(KEPT_AS, theme.value);
}

export function changeLook(change: Partial<Look>): void {
  look.value = { ...look.value, ...change };
}

/** One line for people who cannot see what changed; read aloud by screen readers, shown for a moment to others. */
export const notice = signal<{ text: string; bad: boolean } | null>(null);
let fading: ReturnType<typeof setTimeout> | undefined;

/** Takes back what was said, once it no longer holds. */
export function unsay(): void {
  clearTimeout(fading);
  notice.value = null;
}

export function say(text: string, bad = false): void {
  notice.value = { text, bad };
  clearTimeout(fading);
  fading = setTimeout(() => (notice.value = null), bad ? 12_000 : 5000);
}
