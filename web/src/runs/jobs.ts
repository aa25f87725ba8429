/** The server's long work, followed by its events. */

import { signal } from '@preact/signals';
import * as api from '../api/client';
import type { Job, JobRequest } from '../api/types';
import { loadCatalogue } from '../state/catalogue';
import { failure, resource } from '../state/loading';
import { say, tab } from '../state/view';
import { refreshRuns, refreshRunsSoon } from './runs';

const LOG_LINES = 200;

export const jobs = resource<Job[]>();
export const log = signal<{ id: Job['id']; lines: string[] } | null>(null);

export const loadJobs = (): Promise<void> => jobs.load(api.jobs);

export const isRunning = (job: Job): boolean => job.status === 'queued' || job.status === 'running';

/** Keeps a job's entry and log up to date until its end; returns what stops that. */
export function follow(job: Job): () => void {
  const events = api.jobEvents(job.id);
  const take = (event: MessageEvent<string>): void => {
    const now = JSON.parse(event.data) as Partial<Job>;
    jobs.change((all) => all.map((one) => (one.id === job.id ? { ...one, ...now } : one)));
  };
  // The events begin with the lines that were there before.
  let lines: string[] = [];
  events.addEventListener('progress', take);
  events.addEventListener('log', (event: MessageEvent<string>) => {
    const { line } = JSON.parse(event.data) as { line: string };
    lines = [...lines, line].slice(-LOG_LINES);
    log.value = { id: job.id, lines };
    if (job.kind === 'train') refreshRunsSoon();
  });
  events.addEventListener('end', (event: MessageEvent<string>) => {
    take(event);
    events.close();
    void (job.kind === 'train' ? refreshRuns() : loadCatalogue());
  });
  return () => events.close();
}

/** Adds a survey to the library. */
export const index = (what: { survey: string } | { path: string }): Promise<void> => start({ kind: 'index', ...what });

/** Trains on the labelled set. */
export const train = (): Promise<void> => start({ kind: 'train' });

/** Begins a job; its progress is shown with the runs. */
async function start(job: JobRequest): Promise<void> {
  try {
    await api.startJob(job);
    tab.value = 'runs';
    await loadJobs();
  } catch (error) {
    const { message, hint } = failure(error);
    say(hint === null ? message : `${message}: ${hint}`, true);
  }
}

export async function cancel(job: Job): Promise<void> {
  try {
    await api.cancelJob(job.id);
    await loadJobs();
  } catch (error) {
    say(failure(error).message, true);
  }
}
