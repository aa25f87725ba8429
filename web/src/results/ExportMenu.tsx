/** The matches as files. */

import { useRef } from 'preact/hooks';
import type { ExportFormat } from '../api/client';
import * as api from '../api/client';
import { Icon } from '../page/icons';
import { failure } from '../state/loading';
import { save } from '../state/saving';
import { say } from '../state/view';
import { currentRequest } from './search';

const FORMATS: { format: ExportFormat; name: string; file: string }[] = [
  { format: 'csv', name: 'Table (CSV)', file: 'matches.csv' },
  { format: 'geojson', name: 'Map layer (GeoJSON)', file: 'matches.geojson' },
  { format: 'json', name: 'JSON', file: 'matches.json' },
  { format: 'html', name: 'Report page', file: 'report.html' },
];

export function ExportMenu() {
  const menu = useRef<HTMLDetailsElement>(null);
  const take = async ({ format, file }: (typeof FORMATS)[number]): Promise<void> => {
    const request = currentRequest();
    menu.current?.removeAttribute('open');
    if (!request) return;
    try {
      save(await api.exported(request, format), file);
      say(`Saved ${file}`);
    } catch (error) {
      say(failure(error).message, true);
    }
  };
  return (
    <details
      class="menu" ref={menu}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        menu.current?.removeAttribute('open');
        menu.current?.querySelector('summary')?.focus();
        event.stopPropagation();
      }}
      onFocusOut={(event) => {
        if (!menu.current?.contains(event.relatedTarget as Node | null)) menu.current?.removeAttribute('open');
      }}
    >
      <summary class="tool" title="Export the matches" aria-label="Export"><Icon name="download" /></summary>
      <div class="menu-items">
        {FORMATS.map((entry) => (
          <button key={entry.format} type="button" onClick={() => void take(entry)}>{entry.name}</button>
        ))}
      </div>
    </details>
  );
}
