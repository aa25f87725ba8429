/** The matches as pictures at one scale. */

import type { Match, SearchAnswer, Tile } from '../api/types';
import { Icon } from '../page/icons';
import { surveyName } from '../state/catalogue';
import { jumpTo, keepPlace } from '../state/history';
import { wideScreen } from '../state/view';
import { ask, box, calibrated, like, mark, matches, unlike, vote } from './search';
import { Thumbnail } from './Thumbnail';
import { distanceWords, matchWords, percent, placeWords } from './wording';

/** The room for a picture, in pixels: wide screens have wider cards. */
const ROOM = { width: 108, height: 104 };
const WIDE_ROOM = { width: 148, height: 136 };
export const QUERY_ROOM = { width: 168, height: 132 };

/** The scale at which all matches have room in their cards and, unless it is far larger, the query in its own. */
export function commonScale(query: { width: number; height: number }, tiles: { width: number; height: number }[]): number {
  const room = wideScreen.value ? WIDE_ROOM : ROOM;
  const fit = (room: typeof ROOM, width: number, height: number): number => Math.min(room.width / width, room.height / height);
  const forTiles = tiles.reduce((least, { width, height }) => Math.min(least, fit(room, width, height)), Infinity);
  const forQuery = fit(QUERY_ROOM, Math.max(1, query.width), Math.max(1, query.height));
  if (!Number.isFinite(forTiles)) return forQuery;
  return Math.min(forTiles, Math.max(forQuery, forTiles / 2));
}

export function Cards({ answer, stale }: { answer: SearchAnswer; stale: boolean }) {
  const scale = commonScale(answer.query, answer.matches.map(({ tile }) => tile));
  // The survey is worth a line where it is not plainly that of the query.
  const surveys = new Set(answer.matches.map(({ tile }) => tile.survey).concat(box.value?.survey ?? []));
  return (
    <ol class={`cards ${stale ? 'stale' : ''}`} onKeyDown={moveFocus}>
      {matches.value.map((match, i) => (
        <Card
          key={match.tile.id} match={match} rank={i + 1} scale={scale} withSurvey={surveys.size > 1}
        />
      ))}
    </ol>
  );
}

interface CardProps {
  match: Match;
  rank: number;
  scale: number;
  withSurvey: boolean;
}

function Card({ match, rank, scale, withSurvey }: CardProps) {
  const { tile, distance, confidence } = match;
  const good = like.value.includes(tile.id);
  const bad = unlike.value.includes(tile.id);
  const { line, across, range } = placeWords(tile);
  const words = matchWords(match, calibrated.value);
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === 'y' || event.key === 'n') {
      vote(tile.id, event.key === 'y');
      event.preventDefault();
    }
  };
  const state = `${good ? 'good' : ''} ${bad ? 'bad' : ''} ${mark.value?.id === tile.id ? 'marked' : ''}`;
  return (
    <li class={`card ${state}`} onKeyDown={onKey}>
      <button
        type="button" class="card-picture" title={`${words}\nShow it in its section`}
        aria-label={`${rank}: ${words}`} aria-current={mark.value?.id === tile.id} onClick={() => jumpTo(tile)}
      >
        <Thumbnail tile={tile} label="" scale={scale} />
      </button>
      <div class="card-words">
        <span class="numbers">
          <b title="Distance">{distanceWords(distance)}</b>
          {calibrated.value && confidence !== null && <Confidence value={confidence} />}
        </span>
        <span class="where">{line}</span>
        {across && <span class="where">{across}</span>}
        {range && <span class="where">{range}</span>}
        {withSurvey && <span class="where survey">{surveyName(tile.survey)}</span>}
        {tile.class && <span class="class-name">{tile.class}</span>}
      </div>
      <Votes tile={tile} good={good} bad={bad} />
    </li>
  );
}

function Confidence({ value }: { value: number }) {
  return (
    <span class="confidence" title={`Probability of the query’s class: ${percent(value)}`}>
      <meter min={0} max={1} value={value} aria-label="Confidence" />
      {percent(value)}
    </span>
  );
}

function Votes({ tile, good, bad }: { tile: Tile; good: boolean; bad: boolean }) {
  return (
    <div class="votes">
      <button
        type="button" aria-pressed={good} class="yes" title="It looks alike (Y)" aria-label="Looks alike"
        onClick={() => vote(tile.id, true)}
      >
        <Icon name="up" />
      </button>
      <button
        type="button" aria-pressed={bad} class="no" title="It does not (N)" aria-label="Does not look alike"
        onClick={() => vote(tile.id, false)}
      >
        <Icon name="down" />
      </button>
      <button
        type="button" title="Search for what looks like this tile" aria-label="Search for what looks like this tile"
        onClick={() => {
          keepPlace();
          void ask({ tile: tile.id });
        }}
      >
        <Icon name="search" />
      </button>
    </div>
  );
}

/** Arrow keys go from picture to picture, as they lie on the screen. */
function moveFocus(event: KeyboardEvent): void {
  const list = event.currentTarget as HTMLElement;
  const card = (event.target as HTMLElement).closest('li');
  if (!card || !event.key.startsWith('Arrow')) return;
  const cards = [...list.children] as HTMLElement[];
  const columns = Math.max(1, cards.filter((other) => other.offsetTop === cards[0]!.offsetTop).length);
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
  const next = cards[cards.indexOf(card) + (by ?? 0)];
  next?.querySelector<HTMLElement>('.card-picture')?.focus();
  event.preventDefault();
}
