/** Training on the labelled set, asked of the mock server. */

/// <reference types="node" />
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
// @ts-expect-error The mock is plain JavaScript.
import { mockServer } from '../mock/server.mjs';

vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }));
vi.stubGlobal('localStorage', { getItem: () => null });
const api = await import('../../src/api/client');
const { jobs, train } = await import('../../src/runs/jobs');
const { choose, chosen, refreshRuns } = await import('../../src/runs/runs');
const { assign, assigned, labels, loadLabels, toLabel } = await import('../../src/labels/labels');
const { valueOf } = await import('../../src/state/loading');
const { notice, tab } = await import('../../src/state/view');

const ask = fetch;
const server = (mockServer as () => Server)();

beforeAll(async () => {
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubGlobal('fetch', (path: string, options?: RequestInit) => ask(base + path, options));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

it('has labels that a second class does not take over', async () => {
  await api.setLabel(3, 'Salt');
  await loadLabels();
  expect(toLabel([3, 4, 5])).toEqual([4, 5]);
  expect(toLabel([3])).toEqual([3]);
  await api.removeLabel(3);
});

it('says which class a tile is moved from', async () => {
  await api.setLabel(3, 'Channel');
  await loadLabels();
  await assign([3], 'Salt');
  expect(notice.value).toMatchObject({ bad: false, text: '1 tile moved from Channel to Salt' });
  expect(valueOf(labels.now.value)).toMatchObject([{ tile: { id: 3 }, class: 'Salt' }]);
  expect(assigned([3, 4, 5], 'Fault', valueOf(labels.now.value)!)).toBe('2 tiles labelled Fault, 1 tile moved from Salt to Fault');
  expect(assigned([3], 'Salt', valueOf(labels.now.value)!)).toBe('1 tile labelled Salt');
  await api.removeLabel(3);
  await loadLabels();
});

it('that is refused stays where it was and says what to try', async () => {
  await train();
  expect(notice.value).toMatchObject({ bad: true, text: expect.stringMatching(/one class.*: give tiles of two classes/) });
  expect([tab.value, jobs.now.value.state]).toEqual(['sections', 'waiting']);
});

it('on two classes is a job that is shown with the runs', async () => {
  await api.setLabel(0, 'Salt');
  await api.setLabel(1, 'Fault');
  await train();
  expect(tab.value).toBe('runs');
  expect(valueOf(jobs.now.value)).toMatchObject([{ kind: 'train', status: 'running' }]);
});

it('chooses its run when it appears, and leaves another choice alone until then', async () => {
  await refreshRuns();
  expect(chosen.value).toBe('texture-probe');
  choose('vit-small-harbour');
  await refreshRuns();
  expect(chosen.value).toBe('vit-small-harbour');
  await (await fetch('/api/jobs/1/events')).text();
  await refreshRuns();
  expect(chosen.value).toBe('quiet-salt-4');
});
