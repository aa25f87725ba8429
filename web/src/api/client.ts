/** Requests to the server the page came from; there is no other host. */

import type {
  Direction, Job, JobRequest, Label, Library, Metric, Projection, Run, SearchAnswer, SearchRequest, Section, Survey, Tile, TileId,
} from './types';
import { lost, reached, tokenWanted } from './connection';

/** The server's words for what went wrong. */
export class ServerError extends Error {
  override name = 'ServerError';
  constructor(message: string, readonly status: number, readonly hint: string | null) {
    super(message);
  }
}

/** No answer at all: the server was stopped, or the network is gone. */
export class ServerGone extends Error {
  override name = 'ServerGone';
  constructor() {
    super('The server does not answer.');
  }
}

const text = encodeURIComponent;

async function request(path: string, options: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    lost();
    throw new ServerGone();
  }
  reached();
  if (response.ok) return response;
  if (response.status === 401) tokenWanted.value = true;
  throw await wordsOf(response);
}

async function wordsOf(response: Response): Promise<ServerError> {
  try {
    const body = (await response.json()) as { error?: string; hint?: string | null };
    if (body.error) return new ServerError(body.error, response.status, body.hint ?? null);
  } catch {
    // Not every error comes from refcon: a proxy before it sends pages of its own.
  }
  return new ServerError(`The server answered ${response.status} ${response.statusText}`.trim(), response.status, null);
}

async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await request(path, signal ? { signal } : {})).json()) as T;
}

/** A browser sends such a header across origins only after asking: what other pages forge cannot carry it. */
const OWN = { 'X-Refcon': 'page' };

function sending(method: string, body?: unknown, signal?: AbortSignal): RequestInit {
  return {
    method,
    headers: body === undefined ? OWN : { ...OWN, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  };
}

export const library = (): Promise<Library> => read('/api/library');
export const surveys = (): Promise<Survey[]> => read('/api/surveys');
export const tile = (id: TileId): Promise<Tile> => read(`/api/tiles/${text(String(id))}`);
export const labels = (): Promise<Label[]> => read('/api/labels');
export const projection = (): Promise<Projection> => read('/api/projection');
export const runs = (): Promise<Run[]> => read('/api/runs');
export const metrics = (run: string): Promise<Metric[]> => read(`/api/runs/${text(run)}/metrics`);
export const runReportPath = (run: string): string => `/api/runs/${text(run)}/report.html`;
export const jobs = (): Promise<Job[]> => read('/api/jobs');

const sectionPath = (survey: string, direction: Direction, line: number): string =>
  `/api/surveys/${text(survey)}/section/${direction}/${line}`;

export const section = (survey: string, direction: Direction, line: number, signal?: AbortSignal): Promise<Section> =>
  read(sectionPath(survey, direction, line), signal);

/** One tile of a section's pyramid: amplitudes, row by row. */
export interface Amplitudes {
  width: number;
  height: number;
  values: Float32Array;
}

export async function sectionTile(
  survey: string, direction: Direction, line: number,
  place: { level: number; column: number; row: number }, signal?: AbortSignal,
): Promise<Amplitudes> {
  const path = `${sectionPath(survey, direction, line)}/tile/${place.level}/${place.column}/${place.row}`;
  const response = await request(path, signal ? { signal } : {});
  const bytes = await response.arrayBuffer();
  const width = Number(response.headers.get('x-width'));
  const height = Number(response.headers.get('x-height'));
  if (width * height * 4 !== bytes.byteLength) {
    throw new ServerError(`A tile of ${width} × ${height} amplitudes came with ${bytes.byteLength} bytes.`, 200, null);
  }
  return { width, height, values: littleEndian(bytes) };
}

function littleEndian(bytes: ArrayBuffer): Float32Array {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] === 1) return new Float32Array(bytes);
  const view = new DataView(bytes);
  return Float32Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

export async function search(body: SearchRequest, signal?: AbortSignal): Promise<SearchAnswer> {
  return (await (await request('/api/search', sending('POST', body, signal))).json()) as SearchAnswer;
}

export type ExportFormat = 'csv' | 'geojson' | 'json' | 'html';

export async function exported(body: SearchRequest, format: ExportFormat): Promise<Blob> {
  return (await request(`/api/search/export?format=${format}`, sending('POST', body))).blob();
}

export async function exportedLabels(): Promise<Blob> {
  return (await request('/api/labels/export.zip')).blob();
}

export async function setLabel(id: TileId, name: string): Promise<void> {
  await request(`/api/labels/${text(String(id))}`, sending('PUT', { class: name }));
}

export async function removeLabel(id: TileId): Promise<void> {
  await request(`/api/labels/${text(String(id))}`, sending('DELETE'));
}

export async function startJob(body: JobRequest): Promise<Job> {
  return (await (await request('/api/jobs', sending('POST', body))).json()) as Job;
}

export async function cancelJob(id: Job['id']): Promise<void> {
  await request(`/api/jobs/${text(String(id))}`, sending('DELETE'));
}

export const jobEvents = (id: Job['id']): EventSource => new EventSource(`/api/jobs/${text(String(id))}/events`);

export async function signIn(token: string): Promise<void> {
  await request('/api/session', sending('POST', { token }));
}

/** The picture of a tile in 8-bit grey, 128 for no amplitude, where the clip is one of its survey. */
export const picturePath = (id: TileId, clip: number | null): string =>
  `/api/tiles/${text(String(id))}/picture.png?colours=grey${clip === null ? '' : `&clip=${clip}`}`;
