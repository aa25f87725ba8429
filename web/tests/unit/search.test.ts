/** The search and its errors, asked of the mock server. */

/// <reference types="node" />
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
// @ts-expect-error The mock is plain JavaScript.
import { mockServer } from '../mock/server.mjs';

vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }));
vi.stubGlobal('localStorage', { getItem: () => null });
const api = await import('../../src/api/client');
const { gone, tryAgain } = await import('../../src/api/connection');
const search = await import('../../src/results/search');
const { valueOf } = await import('../../src/state/loading');

const ask = fetch;
const server = (mockServer as () => Server)();
let base = '';

beforeAll(async () => {
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubGlobal('fetch', (path: string, options?: RequestInit) => ask(base + path, options));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const box = {
  kind: 'box', survey: 'harbour-3d', direction: 'inline', line: 1200, traces: [2100, 2200], range: [400, 900],
} as const;

describe('a search', () => {
  it('for a box finds what is near, nearest first', async () => {
    await search.ask({ box: { ...box, traces: [2100, 2200], range: [400, 900] } });
    const distances = search.matches.value.map(({ distance }) => distance);
    expect(distances.length).toBe(50);
    expect([...distances].sort((a, b) => a - b)).toEqual(distances);
  });

  it('hides what is beyond the thresholds', () => {
    search.farthest.value = search.matches.value[9]!.distance;
    expect(search.matches.value.length).toBe(10);
    search.farthest.value = null;
  });

  it('hides nothing for a confidence that is no probability', async () => {
    const { length } = search.matches.value;
    const sent = search.answer.now.value;
    search.leastSure.value = 1.01;
    expect([search.calibrated.value, search.matches.value.length]).toEqual([true, 0]);
    search.answer.change((found) => ({ ...found, confidence_kind: 'challenge' }));
    expect([search.calibrated.value, search.matches.value.length]).toEqual([false, length]);
    search.leastSure.value = null;
    search.answer.change(() => valueOf(sent)!);
  });

  it('passes only what the filters pass', async () => {
    search.changeFilters({ directions: ['crossline'], surveys: ['harbour-3d'] });
    await vi.waitFor(() => expect(search.matches.value.every(({ tile }) => tile.place?.direction === 'crossline')).toBe(true));
    expect(search.filterCount.value).toBe(2);
  });

  it('is refined by yes and no, and only when they changed', async () => {
    const [first, second] = search.matches.value;
    expect(search.refinable.value).toBe(false);
    search.vote(first!.tile.id, true);
    search.vote(second!.tile.id, false);
    expect([search.refinable.value, search.used.value.like]).toEqual([true, []]);
    expect(search.currentQuery()).toMatchObject({ kind: 'examples', like: [first!.tile.id], unlike: [second!.tile.id], box });
    await search.search();
    expect([search.pending.value, search.used.value]).toEqual([false, { like: [first!.tile.id], unlike: [second!.tile.id] }]);
    search.vote(first!.tile.id, true);
    expect(search.like.value).toEqual([]);
    expect([search.pending.value, search.refinable.value]).toEqual([true, false]);
  });

  it('that fails says so in the server’s words', async () => {
    await search.ask({ tile: 99_999 });
    expect(search.answer.now.value).toMatchObject({ state: 'failed', message: expect.stringContaining('not in this library') });
    expect(valueOf(search.answer.now.value)).toBeNull();
  });
});

describe('sections', () => {
  it('come as tiles of their pyramid', async () => {
    const section = await api.section('harbour-3d', 'inline', 1200);
    expect([section.width, section.height, section.levels]).toEqual([420, 462, 2]);
    const edge = await api.sectionTile('harbour-3d', 'inline', 1200, { level: 0, column: 1, row: 1 });
    expect([edge.width, edge.height, edge.values.length]).toEqual([164, 206, 164 * 206]);
  });

  it('that are not there are errors with a hint', async () => {
    await expect(api.section('nowhere', 'inline', 1)).rejects.toMatchObject({ status: 404, hint: expect.any(String) });
  });
});

describe('a server that is gone', () => {
  it('is noticed, and its return too', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')));
    await expect(api.surveys()).rejects.toThrow('does not answer');
    expect(gone.value).toBe(true);
    vi.stubGlobal('fetch', (path: string, options?: RequestInit) => ask(base + path, options));
    await tryAgain();
    expect(gone.value).toBe(false);
  });
});
