/** What the server sends and takes; see its OpenAPI description at `/api/docs`. Times in ms, lengths in the survey's unit. */

export type Point = [x: number, y: number];
export type Direction = 'inline' | 'crossline' | 'slice';
/** The sections that can be searched: a box on a slice has no tile to be compared with. */
export type SearchDirection = Exclude<Direction, 'slice'>;
export type Colours = 'grey' | 'red-white-blue' | 'viridis';

/** Equally spaced numbers: of lines, traces. */
export interface Numbers {
  first: number;
  step: number;
  count: number;
}

export type Geometry =
  | { type: 'volume'; inlines: Numbers; crosslines: Numbers }
  | { type: 'line'; line: number; traces: Numbers };

export interface Samples {
  domain: 'time' | 'depth';
  unit: 'ms' | 'm' | 'ft';
  first: number;
  interval: number;
  count: number;
}

/** Absolute amplitudes that 99, 99.5 and 99.9 % of the samples stay below. */
export interface Clip {
  p99: number;
  p995: number;
  p999: number;
}

interface Listed {
  id: string;
  name: string;
  kind: string;
  tiles: number;
  outline: Point[] | null;
  map_unit: string | null;
  epsg: number | null;
  polarity: 'normal' | 'reverse' | null;
}

/** A survey whose sections can be read. */
export interface OpenSurvey extends Listed {
  available: true;
  problem: null;
  geometry: Geometry;
  samples: Samples;
  clip: Clip;
}

/** One whose file is gone, damaged, or still being opened: what only its file could say is not known. */
export interface ClosedSurvey extends Listed {
  available: false;
  problem: string | null;
}

export type Survey = OpenSurvey | ClosedSurvey;

export interface Library {
  folder_name: string;
  tiles: number;
  encoders: { name: string; hash: string; dimension: number; tiles: number }[];
  encoder: { name: string };
  not_covered: number;
  classes: { name: string; tiles: number }[];
  /** Folders of images that tiles came from: no surveys, but tiles are told apart by them. */
  folders: { id: string; name: string; tiles: number }[];
}

/** One section: its size and axes. Rows of a slice are inlines, those of other sections samples. */
export interface Section {
  direction: Direction;
  line: number;
  width: number;
  height: number;
  horizontal: { label: string; first: number; step: number; count: number };
  vertical: { label: string; unit: string | null; first: number; interval: number; count: number };
  levels: number;
  tile_size: number;
  corners: [Point, Point] | null;
}

export interface BoxQuery {
  kind: 'box';
  survey: string;
  direction: SearchDirection;
  line: number;
  /** Numbers of the first and last trace on the section's horizontal axis. */
  traces: [number, number];
  /** ms or m. */
  range: [number, number];
}

export type Query =
  | BoxQuery
  | { kind: 'tile'; id: TileId }
  | { kind: 'image'; png_base64: string }
  | { kind: 'examples'; like: TileId[]; unlike: TileId[]; box: BoxQuery | null };

export interface Filters {
  surveys: string[];
  not_surveys: string[];
  directions: SearchDirection[];
  lines: [number, number] | null;
  range: [number, number] | null;
  classes: string[];
  region: Point[] | null;
}

export interface SearchRequest {
  query: Query;
  k: number;
  within: number | null;
  exclude_same_place: boolean;
  suppress_overlap: boolean;
  per_survey: number | null;
  filters: Filters;
}

export type TileId = number | string;

/** Where a tile lies. */
export interface Place {
  direction: SearchDirection;
  line: number;
  first_inline: number;
  last_inline: number;
  first_crossline: number;
  last_crossline: number;
  from: number;
  to: number;
  domain: 'time' | 'depth';
  unit: string;
  corners: [Point, Point] | null;
}

export interface Tile {
  id: TileId;
  survey: string;
  file: string;
  width: number;
  height: number;
  class: string | null;
  place: Place | null;
}

export interface Match {
  tile: Tile;
  distance: number;
  confidence: number | null;
  thumbnail: string;
}

export interface SearchAnswer {
  query: { picture: string; width: number; height: number; place: Place | null };
  matches: Match[];
  tiles_searched: number;
  tiles_passed: number;
  /** Tiles passed over: a nearer match lies in their place; they show the query or its place; their survey has enough matches. */
  same_place: number;
  of_query: number;
  survey_full: number;
  milliseconds: number;
  not_covered: number;
  /** `calibrated`: confidences are probabilities; `challenge`: they only compare the matches of one search with each other. */
  confidence_kind: 'calibrated' | 'challenge';
  /** Why the server's calibration does not hold for this search; `null` where it holds, or there is none. */
  not_calibrated: string | null;
}

export interface Label {
  tile: Tile;
  class: string;
}

export interface ProjectionPoint {
  id: TileId;
  x: number;
  y: number;
  class: string | null;
  survey: string;
}

export interface Projection {
  points: ProjectionPoint[];
  method: string;
  /** Of the library; above 20 000 only some of them are among the points. */
  tiles: number;
}

export interface Run {
  name: string;
  /** `unknown` where its files cannot be read, for the reason given as its problem. */
  status: string;
  problem: string | null;
  method: 'fine_tuning' | 'masked_autoencoder' | 'dino' | null;
  /** Seconds since 1970. */
  started: number | null;
  encoder: string | null;
  steps: number;
  /** By the measure that decides which encoder of the run is kept. */
  best: { measure: string; value: number; smaller_is_better: boolean } | null;
  /** Whether it has a page. */
  report: boolean;
}

export interface Metric {
  step: number;
  epoch: number | null;
  name: string;
  value: number | null;
}

/** A training without a path is one on the labelled set. */
export type JobRequest = { kind: 'index'; survey: string } | { kind: 'index'; path: string } | { kind: 'train' };

export interface Job {
  id: number;
  kind: 'index' | 'train';
  title: string;
  status: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  /** 0..1; null until it is known. */
  progress: number | null;
  message: string;
}
