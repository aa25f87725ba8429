/** The tiles chosen on the embedding map. */

import { useSignal } from '@preact/signals';
import type { TileId } from '../api/types';
import { ClassField } from '../labels/ClassField';
import { assign } from '../labels/labels';
import { Icon } from '../page/icons';
import { askExamples } from '../results/search';
import { Thumbnail } from '../results/Thumbnail';
import { useTile } from '../results/tiles';
import { placeWords } from '../results/wording';
import { surveyName } from '../state/catalogue';
import { jumpTo, keepPlace } from '../state/history';

/** So many pictures are shown, and so many tiles are searched with. */
const SHOWN = 60;
const EXAMPLES = 32;

export function TilePreview({ id, side }: { id: TileId; side: number }) {
  const tile = useTile(id);
  if (!tile) return <span class="spinner" />;
  return (
    <>
      <Thumbnail tile={tile} label={placeWords(tile).line} scale={Math.min(side / tile.width, side / tile.height)} />
      <span class="where">{placeWords(tile).line}, {placeWords(tile).range}</span>
      <span class="where">{surveyName(tile.survey)}{tile.class ? `, ${tile.class}` : ''}</span>
    </>
  );
}

export function Selection({ ids }: { ids: TileId[] }) {
  const name = useSignal('');
  if (ids.length === 0) return <aside class="selection"><p class="quiet">No tile chosen.</p></aside>;
  return (
    <aside class="selection" aria-label="Chosen tiles">
      <div class="row">
        <b>{ids.length}</b> chosen
        <span class="spring" />
        <button
          type="button" title="Search for what these tiles have in common" onClick={() => {
            keepPlace();
            void askExamples(ids.slice(0, EXAMPLES));
          }}
        >
          <Icon name="search" /> Look-alikes
        </button>
      </div>
      <form
        class="row" onSubmit={(event) => {
          event.preventDefault();
          void assign(ids, name.value);
        }}
      >
        <ClassField id="selection-class" value={name.value} change={(value) => (name.value = value)} />
        <button type="submit" disabled={name.value.trim() === ''}><Icon name="tag" /> Label</button>
      </form>
      <ul class="tiles">
        {ids.slice(0, SHOWN).map((id) => <Chosen key={id} id={id} />)}
      </ul>
      {ids.length > SHOWN && <p class="quiet">and {ids.length - SHOWN} more</p>}
    </aside>
  );
}

function Chosen({ id }: { id: TileId }) {
  const tile = useTile(id);
  if (!tile) return <li class="tile"><span class="spinner" /></li>;
  return (
    <li class="tile">
      <button type="button" class="card-picture" aria-label={`Show ${placeWords(tile).line}`} onClick={() => jumpTo(tile)}>
        <Thumbnail tile={tile} label="" scale={Math.min(72 / tile.width, 72 / tile.height)} />
      </button>
      <span class="where">{placeWords(tile).line}</span>
    </li>
  );
}
