/** The list of keys, and what the outlines on a section are. */

import { useEffect, useRef } from 'preact/hooks';
import { helpShown } from '../state/view';
import { LOCAL, SHORTCUTS } from './shortcuts';

const OUTLINES = [
  { kind: 'query', words: 'the box searched for' },
  { kind: 'mark', words: 'the match chosen' },
  { kind: 'other', words: 'other matches (a double click chooses one)' },
];

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="help" aria-label="Keys and help" onClose={() => (helpShown.value = false)}>
      <header class="row">
        <h2>Keys</h2>
        <span class="spring" />
        <button type="button" onClick={() => dialog.current?.close()}>Close</button>
      </header>
      <p class="quiet">Drag pans, the wheel zooms, <kbd>Shift</kbd> and drag draws a box and searches for what looks like it.</p>
      <dl>
        {SHORTCUTS.map(({ keys, words }) => (
          <div key={words}><dt>{keys.map((key) => <kbd key={key}>{key.toUpperCase()}</kbd>)}</dt><dd>{words}</dd></div>
        ))}
        {LOCAL.map(({ keys, words }) => <div key={words}><dt><kbd>{keys}</kbd></dt><dd>{words}</dd></div>)}
      </dl>
      <ul class="outlines" aria-label="Outlines on a section">
        {OUTLINES.map(({ kind, words }) => (
          <li key={kind}>
            <svg class="boxes" width={30} height={18} aria-hidden="true">
              <g class={`box-${kind}`}><rect class="rim" x={3} y={3} width={24} height={12} /><rect class="line" x={3} y={3} width={24} height={12} /></g>
            </svg>
            {words}
          </li>
        ))}
      </ul>
      <p class="quiet">The address of this page holds the view: send it, and others with this server see the same. <a href="/api/docs">Programming interface</a></p>
    </dialog>
  );
}
