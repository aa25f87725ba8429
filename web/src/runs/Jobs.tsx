/** Long work on the server: what runs, how far it is, how to stop it. */

import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import * as api from '../api/client';
import type { Job } from '../api/types';
import { failure, resource, valueOf } from '../state/loading';
import { loadCatalogue } from '../state/catalogue';
import { say } from '../state/view';
import { Failure } from '../page/Failure';

const jobs = resource<Job[]>();
const log = signal<{ id: Job['id']; lines: string[] } | null>(null);
const LOG_LINES = 200;

const running = (job: Job): boolean => job.state === 'waiting' || job.state === 'running';

/** Follows the jobs that run by the server's events. */
function follow(job: Job): () => void {
  const events = api.jobEvents(job.id);
  const take = (event: MessageEvent<string>): void => {
    const now = JSON.parse(event.data) as Partial<Job>;
    jobs.change((all) => all.map((one) => (one.id === job.id ? { ...one, ...now } : one)));
  };
  events.addEventListener('progress', take);
  events.addEventListener('log', (event: MessageEvent<string>) => {
    const line = JSON.parse(event.data) as string;
    const before = log.value?.id === job.id ? log.value.lines : [];
    log.value = { id: job.id, lines: [...before, line].slice(-LOG_LINES) };
  });
  events.addEventListener('end', (event: MessageEvent<string>) => {
    take(event);
    events.close();
    void loadCatalogue();
  });
  return () => events.close();
}

export function Jobs() {
  useEffect(() => void jobs.load(api.jobs), []);
  const state = jobs.now.value;
  const known = valueOf(state) ?? [];
  const followed = known.filter(running).map(({ id }) => id).join();
  useEffect(() => {
    const stops = known.filter(running).map(follow);
    return () => stops.forEach((stop) => stop());
  }, [followed]);
  if (state.state === 'failed') return <Failure title="No list of jobs" failure={state} />;
  if (known.length === 0) return null;
  return (
    <section class="jobs" aria-label="Jobs">
      <h3>Jobs</h3>
      <ul>
        {known.map((job) => (
          <li key={job.id} class="row">
            <b>{job.title}</b> <span class={`state ${job.state}`}>{job.state}</span>
            {running(job) && <progress aria-label={`Progress of ${job.title}`} {...(job.total ? { value: job.done / job.total } : {})} />}
            <span class="quiet">{job.message}</span>
            <span class="spring" />
            {running(job) && <button type="button" onClick={() => void cancel(job)}>Cancel</button>}
          </li>
        ))}
      </ul>
      {log.value && <pre class="log" aria-label="Log">{log.value.lines.join('\n')}</pre>}
    </section>
  );
}

async function cancel(job: Job): Promise<void> {
  try {
    await api.cancelJob(job.id);
    await jobs.load(api.jobs);
  } catch (error) {
    say(failure(error).message, true);
  }
}
