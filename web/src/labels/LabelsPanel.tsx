/** The labelled set by class, and its way out. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Label } from '../api/types';
import { Failure } from '../page/Failure';
import { Icon } from '../page/icons';
import { askExamples } from '../results/search';
import { Thumbnail } from '../results/Thumbnail';
import { placeWords } from '../results/wording';
import { train } from '../runs/jobs';
import { surveyName } from '../state/catalogue';
import { jumpTo, keepPlace } from '../state/history';
import { valueOf } from '../state/loading';
import { assign, byClass, exportLabels, labels, loadLabels, unassign } from './labels';
import { ClassField } from './ClassField';

const SIDE = 92;

const counted = (count: number, what: 'tile' | 'class'): string =>
  `${count.toLocaleString('en')} ${count === 1 ? what : what === 'class' ? 'classes' : 'tiles'}`;

export function LabelsPanel() {
  useEffect(() => void loadLabels(), []);
  const state = labels.now.value;
  const known = valueOf(state);
  const trainable = byClass.value.length >= 2;
  return (
    <section class="page-view labels" aria-label="Labelled set">
      <header class="page-head">
        <div>
          <h2>Labelled set</h2>
          <p class="quiet">
            {known?.length ? `${counted(known.length, 'tile')} in ${counted(byClass.value.length, 'class')}. ` : ''}
            The archive holds <code>train/&lt;class&gt;/</code>, as <code>refcon train</code> reads it. {known?.length ? 'The × on a tile takes its label away.' : ''}
          </p>
        </div>
        <div class="row">
          <button
            type="button" disabled={!trainable} onClick={() => void train()}
            title={trainable ? 'Train a head on this server’s encoder that sets these classes apart; its progress is shown under Runs' : 'Training needs labels of two classes or more'}
          >
            <Icon name="smooth" /> Train
          </button>
          <button type="button" class="main" disabled={!known?.length} onClick={() => void exportLabels()}>
            <Icon name="download" /> Export zip
          </button>
        </div>
      </header>
      {state.state === 'failed' && <Failure title="No labels" failure={state} again={() => void loadLabels()} />}
      {!known && state.state === 'loading' && <p class="quiet" role="status"><span class="spinner" /> Reading the labels…</p>}
      {known?.length === 0 && (
        <div class="empty" role="status">
          <h3>Nothing labelled yet</h3>
          <p>Search for a feature, accept matches with <kbd>Y</kbd>, then give them a class below the matches.</p>
        </div>
      )}
      {byClass.value.map(([name, members]) => <ClassGroup key={name} name={name} members={members} />)}
    </section>
  );
}

function ClassGroup({ name, members }: { name: string; members: Label[] }) {
  const renaming = useSignal<string | null>(null);
  const ids = members.map(({ tile }) => tile.id);
  return (
    <section class="class-group" aria-label={name}>
      <header class="row">
        {renaming.value === null
          ? <h3>{name} <span class="quiet">{members.length}</span></h3>
          : (
            <form
              class="row" onSubmit={(event) => {
                event.preventDefault();
                void assign(ids, renaming.value ?? '');
                renaming.value = null;
              }}
            >
              <ClassField id={`rename-${name}`} value={renaming.value} change={(value) => (renaming.value = value)} />
              <button type="submit">Rename</button>
            </form>
          )}
        <span class="spring" />
        <button type="button" onClick={() => (renaming.value = renaming.value === null ? name : null)}>
          {renaming.value === null ? 'Rename' : 'Cancel'}
        </button>
        <button
          type="button" title="Search for what these tiles have in common" onClick={() => {
            keepPlace();
            void askExamples(ids.slice(0, 32));
          }}
        >
          <Icon name="search" /> Look-alikes
        </button>
      </header>
      <ul class="tiles">
        {members.map(({ tile }) => (
          <li key={tile.id} class="tile">
            <button type="button" class="card-picture" aria-label={`Show ${placeWords(tile).line}`} title={surveyName(tile.survey)} onClick={() => jumpTo(tile)}>
              <Thumbnail tile={tile} label="" scale={Math.min(SIDE / tile.width, SIDE / tile.height)} />
            </button>
            <span class="where">{placeWords(tile).line}</span>
            <button type="button" class="remove" aria-label={`Take ${placeWords(tile).line} out of ${name}`} title="Take out" onClick={() => void unassign(tile.id)}>
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
