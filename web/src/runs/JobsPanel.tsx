/** Long work on the server: what runs, how far it is, how to begin and to stop it. */

import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { valueOf } from '../state/loading';
import { Failure } from '../page/Failure';
import { cancel, follow, index, isRunning, jobs, loadJobs, log } from './jobs';

export function JobsPanel() {
  const path = useSignal('');
  useEffect(() => void loadJobs(), []);
  const state = jobs.now.value;
  const known = valueOf(state) ?? [];
  const followed = known.filter(isRunning).map(({ id }) => id).join();
  useEffect(() => {
    const stops = known.filter(isRunning).map(follow);
    return () => stops.forEach((stop) => stop());
  }, [followed]);
  return (
    <section class="jobs" aria-label="Jobs">
      <h2>Jobs</h2>
      <form
        class="row" onSubmit={(event) => {
          event.preventDefault();
          void index({ path: path.value.trim() });
          path.value = '';
        }}
      >
        <input
          id="index-path" class="wide" placeholder="file in the survey folder, such as line-7.sgy" aria-label="Survey to index"
          autocomplete="off" value={path.value} onInput={(event) => (path.value = event.currentTarget.value)}
        />
        <button type="submit" disabled={path.value.trim() === ''}>Index</button>
      </form>
      {state.state === 'failed' && <Failure title="No list of jobs" failure={state} again={() => void loadJobs()} />}
      <ul>
        {[...known].reverse().map((job) => (
          <li key={job.id} class="row">
            <b>{job.title}</b> <span class={`state ${job.status}`}>{job.status}</span>
            {isRunning(job) && <progress aria-label={`Progress of ${job.title}`} {...(job.progress === null ? {} : { value: job.progress })} />}
            <span class="quiet message">{job.message}</span>
            {isRunning(job) && <button type="button" onClick={() => void cancel(job)}>Cancel</button>}
          </li>
        ))}
      </ul>
      {log.value && <Log title={known.find(({ id }) => id === log.value?.id)?.title ?? ''} lines={log.value.lines} />}
    </section>
  );
}

/** Its last lines are in sight. */
function Log({ title, lines }: { title: string; lines: string[] }) {
  const element = useRef<HTMLPreElement>(null);
  useEffect(() => {
    if (element.current) element.current.scrollTop = element.current.scrollHeight;
  }, [lines]);
  return (
    <>
      <h3 class="quiet">Log: {title}</h3>
      <pre class="log" aria-label={`Log: ${title}`} ref={element}>{lines.join('\n')}</pre>
    </>
  );
}
