/** What is looked for: its picture and its numbers, which can be typed instead of drawn. */

import { useSignal, useSignalEffect } from '@preact/signals';
import type { BoxQuery, TileId } from '../api/types';
import { Icon } from '../page/icons';
import { clipOf, surveyName } from '../state/catalogue';
import { jumpToQuery, keepPlace } from '../state/history';
import { valueOf } from '../state/loading';
import { look, say } from '../state/view';
import { signed } from '../viewer/axes';
import { cut, partOf } from '../viewer/picking';
import { tilesIn } from '../viewer/pyramid';
import { shown } from '../viewer/shown';
import { BoxFields } from './BoxFields';
import { commonScale, QUERY_ROOM } from './Cards';
import { answer, ask, box, clearSearch, currentQuery, imageQuery, like, pending, tileQuery, unlike, used } from './search';
import { indicesFrom, Picture } from './Thumbnail';
import { useTile } from './tiles';
import { boxWords, wholePlace } from './wording';

export const fieldsShown = { current: null as HTMLDetailsElement | null };

export function QueryCard() {
  const query = currentQuery();
  return (
    <div class="query">
      {query ? <Asked /> : <Invitation />}
      <details ref={(element) => void (fieldsShown.current = element)}>
        <summary title="Shortcut: D">Box by numbers</summary>
        <BoxFields />
      </details>
    </div>
  );
}

function Invitation() {
  return (
    <div class="invitation">
      <h2>Look-alikes</h2>
      <p>Hold <kbd>Shift</kbd> and drag a box around a feature on the section. Its look-alikes from all surveys appear here.</p>
      <Upload />
    </div>
  );
}

function Asked() {
  return (
    <div class="asked">
      <QueryPicture />
      <div class="asked-words">
        <div class="row">
          <h2>{title()}</h2>
          <span class="spring" />
          {box.value && <button type="button" onClick={jumpToQuery} title="Back to the box (Q)">Show</button>}
          <button
            type="button" onClick={() => {
              keepPlace();
              clearSearch();
            }}
          >
            Clear
          </button>
        </div>
        {box.value && <p>{surveyName(box.value.survey)}<br />{boxWords(box.value)}</p>}
        {!box.value && tileQuery.value !== null && <TilePlace id={tileQuery.value} />}
        {used.value.like.length > 0 && <p>{voteWords(used.value.like, used.value.unlike)}</p>}
        {pending.value && <p class="pending">{marked()}</p>}
      </div>
    </div>
  );
}

function TilePlace({ id }: { id: TileId }) {
  const tile = useTile(id);
  return tile && <p>{surveyName(tile.survey)}<br />{wholePlace(tile)}</p>;
}

const voteWords = (yes: TileId[], no: TileId[]): string => `${yes.length} yes, ${no.length} no`;

/** The votes that the matches shown were not found with. */
function marked(): string {
  if (like.value.length === 0) return unlike.value.length > 0 ? `${unlike.value.length} no marked, not used without a yes` : 'Marks taken back; these matches were found with them';
  return `${voteWords(like.value, unlike.value)} marked, not yet used: press Refine`;
}

function title(): string {
  if (used.value.like.length > 0) return box.value ? 'Box and examples' : 'Examples';
  if (box.value) return 'Box';
  return tileQuery.value !== null ? 'Tile' : 'Picture';
}

/** For larger boxes the server's picture will do. */
const MOST_TILES = 16;

/** The box cut from the section's own amplitudes where it is on the screen, else the picture that the server sent. */
function QueryPicture() {
  const own = useSignal<{ box: BoxQuery; picture: ReturnType<typeof cut> } | null>(null);
  useSignalEffect(() => {
    const [asked, on] = [box.value, shown.value];
    if (!asked || !on || own.peek()?.box === asked) return;
    const { section, survey, tiles } = on;
    if (asked.survey !== survey.id || asked.direction !== section.direction || asked.line !== section.line) return;
    const part = partOf(section, asked.traces, asked.range);
    const needed = tilesIn(section, { left: part.left, right: part.left + part.width, top: part.top, bottom: part.top + part.height }, 0);
    if (needed.length > MOST_TILES) return;
    tiles.whole(needed).then(
      () => (own.value = { box: asked, picture: cut(section, part, (place) => tiles.get(place)) }),
      // The server's picture stays.
      () => undefined,
    );
  });
  const found = valueOf(answer.now.value);
  const mine = box.value && own.value?.box === box.value ? own.value.picture : null;
  if (mine) {
    const scale = found ? commonScale(mine, found.matches.map(({ tile }) => tile)) : fitting(mine);
    return <div class="query-picture"><Picture source={indicesFrom(mine, clipOf(box.value!.survey, look.value.percentile) ?? 1)} label="The box searched for" scale={scale} {...sides(mine)} /></div>;
  }
  const sent = found?.query ?? (imageQuery.value ? { picture: imageQuery.value, width: 100, height: 100 } : null);
  if (!sent?.picture) return <div class="query-picture" />;
  const scale = found ? commonScale(sent, found.matches.map(({ tile }) => tile)) : fitting(sent);
  return <div class="query-picture"><Picture source={asUrl(sent.picture)} label="What is searched for" scale={scale} {...sides(sent)} /></div>;
}

const sides = ({ width, height }: { width: number; height: number }) => ({ width, height });
const fitting = ({ width, height }: { width: number; height: number }): number =>
  Math.min(QUERY_ROOM.width / width, QUERY_ROOM.height / height);
const asUrl = (picture: string): string => (picture.startsWith('data:') ? picture : `data:image/png;base64,${picture}`);

/** A picture from the user's disk; whatever its format, the server gets a PNG. */
function Upload() {
  const take = async (file: File | undefined): Promise<void> => {
    if (!file) return;
    try {
      const bitmap = await createImageBitmap(file);
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
      canvas.getContext('2d')!.drawImage(bitmap, 0, 0);
      keepPlace();
      await ask({ image: canvas.toDataURL('image/png').replace(/^data:[^,]*,/, '') });
    } catch {
      say(`${signed(file.name)} is not a picture this browser can read.`, true);
    }
  };
  return (
    <label class="upload">
      <Icon name="upload" /> <span>or search with a picture</span>
      <input
        type="file" accept="image/*" class="hidden" onChange={(event) => {
          void take(event.currentTarget.files?.[0]);
          event.currentTarget.value = '';
        }}
      />
    </label>
  );
}
