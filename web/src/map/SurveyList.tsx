/** The surveys of the library; choosing one shows its sections. */

import { loadCatalogue, surveys } from '../state/catalogue';
import type { OpenSurvey } from '../api/types';
import { last } from '../state/lines';
import { valueOf } from '../state/loading';
import { keepPlace } from '../state/history';
import { surveyId } from '../state/view';
import { Failure } from '../page/Failure';
import { index } from '../runs/jobs';
import { chooseSurvey } from '../viewer/shown';

export function SurveyList() {
  const state = surveys.now.value;
  const known = valueOf(state);
  return (
    <nav class="surveys" aria-label="Surveys">
      <h2>Surveys</h2>
      {!known && state.state === 'loading' && <p class="quiet" role="status"><span class="spinner" /> Reading the list…</p>}
      {state.state === 'failed' && <Failure title="No list of surveys" failure={state} again={() => void loadCatalogue()} />}
      {known?.length === 0 && <p class="quiet" role="status">None in this library yet.</p>}
      <ul>
        {known?.map((survey) => (
          <li key={survey.id} class={survey.available && survey.tiles === 0 ? 'not-indexed' : ''}>
            <button
              type="button" aria-current={survey.id === surveyId.value} class={survey.available ? '' : 'missing'}
              title={survey.problem ?? survey.name} onClick={() => {
                keepPlace();
                chooseSurvey(survey.id);
              }}
            >
              <strong>{survey.name}</strong>
              {survey.available ? <Extent survey={survey} /> : <span>cannot be read</span>}
              <span>{survey.tiles.toLocaleString('en')} tiles</span>
            </button>
            {survey.available && survey.tiles === 0 && (
              <button type="button" class="index" title="Cut it into tiles and add them to the library" onClick={() => void index({ survey: survey.id })}>
                Index
              </button>
            )}
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** Breaks between ranges, not within one. */
function Extent({ survey }: { survey: OpenSurvey }) {
  return <span>{ranges(survey).map((range, i) => <>{i > 0 && ', '}<span>{range}</span></>)}</span>;
}

function ranges({ geometry, samples }: OpenSurvey): string[] {
  const end = last({ first: samples.first, step: samples.interval, count: samples.count });
  const down = `${samples.first}–${end} ${samples.unit}`;
  if (geometry.type === 'line') return [`2-D line ${geometry.line}`, `${geometry.traces.count} traces`, down];
  const { inlines, crosslines } = geometry;
  return [`IL ${inlines.first}–${last(inlines)}`, `XL ${crosslines.first}–${last(crosslines)}`, down];
}
