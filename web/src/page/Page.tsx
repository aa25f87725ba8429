/** The page: its head, the surveys and the map, the view in the middle, the matches. */

import { useEffect, useRef } from 'preact/hooks';
import { untracked, useSignal, useSignalEffect } from '@preact/signals';
import { gone, reconnections, tokenWanted, tryAgain } from '../api/connection';
import * as api from '../api/client';
import { loadLabels } from '../labels/labels';
import { LabelsPanel } from '../labels/LabelsPanel';
import { BaseMap } from '../map/BaseMap';
import { SurveyList } from '../map/SurveyList';
import { EmbeddingMap } from '../projection/EmbeddingMap';
import { ResultsPanel } from '../results/ResultsPanel';
import { RunsPanel } from '../runs/RunsPanel';
import { library, loadCatalogue, survey } from '../state/catalogue';
import { followHash } from '../state/history';
import type { Tab } from '../state/link';
import { TABS } from '../state/link';
import { failure, valueOf } from '../state/loading';
import { helpShown, isDark, notice, tab, toggleTheme } from '../state/view';
import { SectionViewer } from '../viewer/SectionViewer';
import { followSection } from '../viewer/shown';
import { Help } from './Help';
import { Icon } from './icons';
import { listenToKeys } from './shortcuts';

const NAMES: Record<Tab, string> = { sections: 'Sections', embedding: 'Embedding map', labels: 'Labels', runs: 'Runs' };

export function Page() {
  useEffect(() => {
    const stops = [followHash(), followSection(), listenToKeys()];
    return () => stops.forEach((stop) => stop());
  }, []);
  useSignalEffect(() => {
    // Also when the server is back.
    reconnections.value;
    untracked(() => void Promise.all([loadCatalogue(), loadLabels()]));
  });
  useSignalEffect(() => {
    document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light';
    document.title = survey.value ? `${survey.value.name} – refcon` : 'refcon';
  });
  return (
    <div class="page">
      <Head />
      {gone.value && (
        <p class="gone" role="alert">
          The server does not answer; trying again… <button type="button" onClick={() => void tryAgain()}>Try now</button>
        </p>
      )}
      <main class="columns">
        <div class="left"><SurveyList /><BaseMap /></div>
        <div class="centre" id="view" role="tabpanel" aria-label={NAMES[tab.value]}>
          {tab.value === 'sections' && <SectionViewer />}
          {tab.value === 'embedding' && <EmbeddingMap />}
          {tab.value === 'labels' && <LabelsPanel />}
          {tab.value === 'runs' && <RunsPanel />}
        </div>
        <div class="right"><ResultsPanel /></div>
      </main>
      <p class={`notice ${notice.value?.bad ? 'bad' : ''}`} role="status" aria-live="polite" hidden={!notice.value}>{notice.value?.text}</p>
      {helpShown.value && <Help />}
      {tokenWanted.value && <SignIn />}
    </div>
  );
}

function Head() {
  const known = valueOf(library.now.value);
  const encoder = known?.encoder.name;
  return (
    <header class="head">
      <h1>refcon</h1>
      <div class="tabs" role="tablist" aria-label="Views" onKeyDown={moveTab}>
        {TABS.map((name) => (
          <button
            key={name} type="button" role="tab" aria-controls="view" aria-selected={tab.value === name} tabIndex={tab.value === name ? 0 : -1}
            onClick={() => (tab.value = name)}
          >
            {NAMES[name]}
          </button>
        ))}
      </div>
      <p class="library" title={encoder && `Encoder: ${encoder}`}>
        {known && <><b>{known.folder_name}</b> {known.tiles.toLocaleString('en')} tiles{encoder && ` · ${encoder}`}</>}
      </p>
      <button type="button" class="tool" aria-label={isDark.value ? 'Light colours' : 'Dark colours'} title={isDark.value ? 'Light' : 'Dark'} onClick={toggleTheme}>
        <Icon name={isDark.value ? 'sun' : 'moon'} />
      </button>
      <button type="button" class="tool" aria-label="Keys and help" title="Keys and help (?)" onClick={() => (helpShown.value = true)}>?</button>
    </header>
  );
}

function moveTab(event: KeyboardEvent): void {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by === undefined) return;
  const next = (TABS.indexOf(tab.value) + by + TABS.length) % TABS.length;
  tab.value = TABS[next]!;
  (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('[role=tab]')[next]?.focus();
  event.preventDefault();
}

/** A server bound to more than this machine asks for the token it was started with. */
function SignIn() {
  const dialog = useRef<HTMLDialogElement>(null);
  const token = useSignal('');
  const problem = useSignal<string | null>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    try {
      await api.signIn(token.value.trim());
      tokenWanted.value = false;
      reconnections.value += 1;
    } catch (error) {
      problem.value = failure(error).message;
      tokenWanted.value = true;
    }
  };
  return (
    <dialog ref={dialog} class="sign-in" aria-label="Sign in" onCancel={(event) => event.preventDefault()}>
      <form onSubmit={(event) => void send(event)}>
        <h2>This server asks for its token</h2>
        <p class="quiet">Whoever started the server knows it.</p>
        <input type="password" autocomplete="current-password" aria-label="Token" value={token.value} onInput={(event) => (token.value = event.currentTarget.value)} />
        {problem.value && <p class="bad" role="alert">{problem.value}</p>}
        <button type="submit" class="main" disabled={token.value.trim() === ''}>Sign in</button>
      </form>
    </dialog>
  );
}
