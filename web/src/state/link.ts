/** The whole view as the URL's hash, so that a link shows what its sender saw. */

import type { BoxQuery, Colours, Direction, Filters, Point, SearchDirection, TileId } from '../api/types';

export const TABS = ['sections', 'embedding', 'labels', 'runs'] as const;
export type Tab = (typeof TABS)[number];

/** The part of a section that is shown, in numbers of its axes. */
export interface AxisWindow {
  across: [number, number];
  down: [number, number];
}

export interface Look {
  colours: Colours;
  /** Of the absolute amplitudes; what is larger gets the colours of the ends. */
  percentile: number;
  flipped: boolean;
  smooth: boolean;
}

export interface Link {
  tab: Tab;
  survey: string | null;
  direction: Direction;
  line: number | null;
  window: AxisWindow | null;
  look: Look;
  box: BoxQuery | null;
  /** The tile searched for, where it is not a box. */
  tile: TileId | null;
  like: TileId[];
  unlike: TileId[];
  /** The match whose box is shown. */
  mark: TileId | null;
  filters: Filters;
  k: number;
  /** Matches farther, or less sure, are hidden. */
  farthest: number | null;
  leastSure: number | null;
  perSurvey: number | null;
}

export const noFilters = (): Filters => ({
  surveys: [], not_surveys: [], directions: [], lines: null, range: null, classes: [], region: null,
});

export const plainLook = (): Look => ({ colours: 'grey', percentile: 99, flipped: false, smooth: true });

export const START: Link = {
  tab: 'sections', survey: null, direction: 'inline', line: null, window: null, look: plainLook(), box: null, tile: null,
  like: [], unlike: [], mark: null, filters: noFilters(), k: 50, farthest: null, leastSure: null, perSurvey: null,
};

/** Between the values of a list: stays itself in a URL, and in no number. */
const BETWEEN = '~';
const ESCAPED = '~~';

const list = (values: (string | number)[]): string =>
  values.map((value) => String(value).replaceAll(BETWEEN, ESCAPED)).join(BETWEEN);

function unlist(text: string | null): string[] {
  if (!text) return [];
  return text.replaceAll(ESCAPED, '\u0000').split(BETWEEN).map((part) => part.replaceAll('\u0000', BETWEEN));
}

function numbers(text: string | null, count?: number): number[] | null {
  const values = unlist(text).map(Number);
  const right = values.length > 0 && values.every(Number.isFinite) && (count === undefined || values.length === count);
  return right ? values : null;
}

const pair = (text: string | null): [number, number] | null => numbers(text, 2) as [number, number] | null;

const oneOf = <T extends string>(text: string | null, known: readonly T[], otherwise: T): T =>
  known.find((value) => value === text) ?? otherwise;

/** Ids are numbers where they look like numbers: a link must not turn 12 into "12". */
const id = (text: string): TileId => (/^(0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text);

/** The hash without its `#`; what has its usual value is left out. */
export function encode(link: Link): string {
  const out = new URLSearchParams();
  const put = (name: string, value: string | number | null | false, usual?: string | number): void => {
    if (value !== null && value !== false && value !== '' && value !== usual) out.set(name, String(value));
  };
  put('tab', link.tab, START.tab);
  put('survey', link.survey);
  put('direction', link.direction, START.direction);
  put('line', link.line);
  put('window', link.window && list([...link.window.across, ...link.window.down].map(short)));
  put('colours', link.look.colours, START.look.colours);
  put('clip', link.look.percentile, START.look.percentile);
  put('polarity', link.look.flipped && 'flipped');
  put('smooth', !link.look.smooth && 'no');
  const { box, filters } = link;
  put('box', box && list([box.survey, box.direction, box.line, ...box.traces, ...box.range]));
  put('tile', link.tile);
  put('like', list(link.like));
  put('unlike', list(link.unlike));
  put('mark', link.mark);
  put('in', list(filters.surveys));
  put('not', list(filters.not_surveys));
  put('directions', list(filters.directions));
  put('lines', filters.lines && list(filters.lines));
  put('between', filters.range && list(filters.range));
  put('classes', list(filters.classes));
  put('region', filters.region && list(filters.region.flat().map(short)));
  put('k', link.k, START.k);
  put('within', link.farthest);
  put('sure', link.leastSure);
  put('each', link.perSurvey);
  return out.toString().replaceAll('%7E', BETWEEN);
}

const short = (value: number): number => Number(value.toPrecision(7));

/** Reads a hash; what it does not say, or says wrongly, has its usual value. */
export function decode(hash: string): Link {
  const from = new URLSearchParams(hash.replace(/^#/, ''));
  const get = (name: string): string | null => from.get(name);
  const number = (name: string): number | null => numbers(get(name), 1)?.[0] ?? null;
  const window = numbers(get('window'), 4) as [number, number, number, number] | null;
  const region = numbers(get('region'));
  return {
    tab: oneOf(get('tab'), TABS, START.tab),
    survey: get('survey'),
    direction: oneOf(get('direction'), ['inline', 'crossline', 'slice'], START.direction),
    line: number('line'),
    window: window && { across: [window[0], window[1]], down: [window[2], window[3]] },
    look: {
      colours: oneOf(get('colours'), ['grey', 'red-white-blue', 'viridis'], START.look.colours),
      percentile: Math.min(100, Math.max(50, number('clip') ?? START.look.percentile)),
      flipped: get('polarity') === 'flipped',
      smooth: get('smooth') !== 'no',
    },
    box: boxFrom(unlist(get('box'))),
    tile: get('tile') === null ? null : id(get('tile')!),
    like: unlist(get('like')).map(id),
    unlike: unlist(get('unlike')).map(id),
    mark: get('mark') === null ? null : id(get('mark')!),
    filters: {
      surveys: unlist(get('in')),
      not_surveys: unlist(get('not')),
      directions: unlist(get('directions')).filter((name): name is SearchDirection => name === 'inline' || name === 'crossline'),
      lines: pair(get('lines')),
      range: pair(get('between')),
      classes: unlist(get('classes')),
      region: region && region.length >= 6 && region.length % 2 === 0 ? points(region) : null,
    },
    k: Math.max(1, Math.round(number('k') ?? START.k)),
    farthest: number('within'),
    leastSure: number('sure'),
    perSurvey: number('each'),
  };
}

function boxFrom(parts: string[]): BoxQuery | null {
  const [survey, direction, ...rest] = parts;
  const values = rest.map(Number);
  if (survey === undefined || values.length !== 5 || !values.every(Number.isFinite)) return null;
  if (direction !== 'inline' && direction !== 'crossline') return null;
  const [line, a, b, from, to] = values as [number, number, number, number, number];
  return { kind: 'box', survey, direction, line, traces: [a, b], range: [from, to] };
}

function points(values: number[]): Point[] {
  return Array.from({ length: values.length / 2 }, (_, i) => [values[2 * i]!, values[2 * i + 1]!]);
}
