/**
 * Stands in for `refcon serve` while the page is developed and tested: the same paths, a synthetic subsurface.
 *
 * `node tests/mock/server.mjs [PORT]`. `POST /mock {"surveys": "none" or "many", "slow": ms, "calibrated": true or false}` puts it into the
 * states the page must show.
 */

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { png, zip } from './files.mjs';
import { allTiles, boxPatch, picture, search, shown } from './library.mjs';
import { randoms } from './geology.mjs';
import { place, pyramidTile, section, SURVEYS, surveyOf } from './surveys.mjs';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
/** What the real server sends. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
  + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

class Refused extends Error {
  constructor(status, message, hint = null) {
    super(message);
    Object.assign(this, { status, hint });
  }
}

/** Grey: 128 for no amplitude, 0 and 255 for the clip. */
function grey({ width, height, values }, clip) {
  return png(width, height, Uint8Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, 0.5 + value / (2 * clip))))));
}

function described({ earth: _earth, ...survey }) {
  const unknown = survey.available ? {} : { geometry: null, samples: null, clip: null, outline: null };
  return { ...survey, ...unknown, tiles: allTiles().filter((tile) => tile.survey === survey.id).length };
}

function classes() {
  const counts = new Map();
  for (const tile of allTiles()) if (tile.class) counts.set(tile.class, (counts.get(tile.class) ?? 0) + 1);
  return [...counts].map(([name, tiles]) => ({ name, tiles }));
}

function tileOf(id) {
  const tile = allTiles().find((one) => String(one.id) === id);
  if (!tile) throw new Refused(404, `This library has no tile ${id}.`);
  return tile;
}

function sectionOf(id, direction, line) {
  const survey = surveyOf(id);
  if (!survey) throw new Refused(404, `This library has no survey ${id}.`, 'GET /api/surveys lists those it has.');
  const made = section(survey, direction, Number(line));
  if (!made) throw new Refused(404, `${survey.name} has no ${direction} ${line}.`);
  return { survey, made };
}

function runMetrics({ name, method }) {
  const random = randoms(name.length);
  if (method === 'masked_autoencoder') return Array.from({ length: 40 }, (_, epoch) => [
    { step: epoch * 20, epoch, name: 'train/loss', value: 0.8 * Math.exp(-epoch / 12) + 0.2 + 0.02 * random() },
    { step: epoch * 20, epoch, name: 'validation/reconstruction_loss', value: 0.8 * Math.exp(-epoch / 14) + 0.2 },
  ]).flat();
  return Array.from({ length: 40 }, (_, epoch) => [
    { step: epoch * 20, epoch, name: 'train/loss', value: 0.9 * Math.exp(-epoch / 9) + 0.05 + 0.03 * random() },
    { step: epoch * 20, epoch, name: 'validation/loss', value: 0.8 * Math.exp(-epoch / 11) + 0.16 + 0.02 * random() },
    { step: epoch * 20, epoch, name: 'validation/mAP', value: 0.95 - 0.6 * Math.exp(-epoch / 8) + 0.01 * random() },
    { step: epoch * 20, epoch, name: 'validation/r_precision', value: 1 },
    { step: epoch * 20, epoch, name: 'learning rate', value: 5e-6 * (epoch < 25 ? 1 : 0.5) },
  ]).flat();
}

const best = (measure, value, smaller = false) => ({ measure: `validation/${measure}`, value, smaller_is_better: smaller });

const RUNS = [
  {
    name: 'early-reef-1', status: 'interrupted', problem: null, method: 'masked_autoencoder', started: 1772342720, encoder: 'vit-compact', steps: 15780,
    best: best('reconstruction_loss', 0.21, true), report: true,
  },
  {
    name: 'vit-small-harbour', status: 'finished', problem: null, method: 'fine_tuning', started: 1772442720, encoder: 'vit-small', steps: 780,
    best: best('mAP', 0.94), report: true,
  },
  {
    name: 'texture-probe', status: 'running', problem: null, method: 'fine_tuning', started: 1772548800, encoder: 'texture', steps: 780,
    best: best('mAP', 0.81), report: false,
  },
];

/** What a job does when it is followed to its end: its last message, and the lines of its log. */
const WORK = {
  index: () => ['360 tiles in 2.1 s', ['embedding with texture']],
  train: (runs) => {
    const name = `quiet-salt-${runs.length + 1}`;
    runs.push({
      name, status: 'finished', problem: null, method: 'fine_tuning', started: 1772635200 + runs.length, encoder: 'texture', steps: 3,
      best: best('map_at_r', 0.9), report: true,
    });
    const epochs = [1, 2, 3].map((epoch) => `epoch ${epoch}/3  loss ${(1 / epoch).toFixed(4)}  rate 1.00e-3  map_at_r 0.9000`);
    return [`best map_at_r 0.9000 of 4 held-out tiles, too few to rely on, at step 3; runs/${name}/best for --encoder`, [`run ${name}: 147456 trained numbers on texture`, ...epochs]];
  },
};

/** A server that asks for `token`, where one is given. */
export function mockServer({ token = null } = {}) {
  const mode = { surveys: 'many', slow: 0, calibrated: true };
  const jobs = [];
  const runs = [...RUNS];
  const json = (value) => ({ type: 'application/json', body: JSON.stringify(value) });

  const routes = [
    ['POST', /^\/mock$/, (_match, { body }) => json(Object.assign(mode, JSON.parse(body)))],
    ['GET', /^\/api\/library$/, () => json({
      folder_name: 'harbour.library', tiles: mode.surveys === 'none' ? 0 : allTiles().length,
      encoders: [{ name: 'texture', hash: 'a1b2c3', dimension: 384, tiles: allTiles().length }], encoder: { name: 'texture' }, not_covered: 0,
      classes: classes(), folders: [{ id: 'outcrops', name: 'Outcrops', tiles: 12 }],
    })],
    ['GET', /^\/api\/surveys$/, () => json(mode.surveys === 'none' ? [] : SURVEYS.map(described))],
    ['GET', /^\/api\/surveys\/([^/]+)\/section\/(\w+)\/([-\d.]+)$/, ([, id, direction, line]) => {
      const { at: _at, ...made } = sectionOf(id, direction, line).made;
      return json(made);
    }],
    ['GET', /^\/api\/surveys\/([^/]+)\/section\/(\w+)\/([-\d.]+)\/tile\/(\d+)\/(\d+)\/(\d+)$/, ([, id, direction, line, ...at]) => {
      const tile = pyramidTile(sectionOf(id, direction, line).made, ...at.map(Number));
      if (!tile) throw new Refused(404, 'The section has no such tile.');
      const headers = { 'x-width': tile.width, 'x-height': tile.height };
      return { type: 'application/octet-stream', body: Buffer.from(tile.values.buffer), headers };
    }],
    ['POST', /^\/api\/search$/, (_match, { body }) => {
      const request = JSON.parse(body);
      const started = performance.now();
      const found = search(request);
      if (!found) throw new Refused(404, 'A tile of the query is not in this library.');
      const box = request.query.kind === 'box' ? request.query : request.query.box ?? null;
      const source = box ? boxPatch(box)
        : { survey: SURVEYS[0], amplitudes: picture(request.query.kind === 'tile' ? tileOf(String(request.query.id)) : allTiles()[40]) };
      const { width, height } = source.amplitudes;
      return json({
        query: { picture: `data:image/png;base64,${grey(source.amplitudes, source.survey.clip.p99).toString('base64')}`, width, height, place: box && { corners: place(surveyOf(box.survey), box.direction, box.line, box.traces) } },
        ...found, milliseconds: performance.now() - started, not_covered: 0,
        // A calibration holds for distances to one tile, box or picture.
        confidence_kind: mode.calibrated && request.query.kind !== 'examples' ? 'calibrated' : 'challenge',
        not_calibrated: mode.calibrated && request.query.kind === 'examples'
          ? 'a calibration holds for distances to one tile, box or image, not for those to a vector made of several tiles' : null,
      });
    }],
    ['POST', /^\/api\/search\/export$/, (_match, { body, query }) => {
      const { matches } = search(JSON.parse(body));
      const format = query.get('format');
      if (format === 'json') return json(matches);
      if (format === 'html') return { type: 'text/html', body: '<!doctype html><title>Report</title>' };
      if (format === 'geojson') return json({ type: 'FeatureCollection', features: matches.map(({ tile }) => ({
        type: 'Feature', properties: { tile: tile.id }, geometry: { type: 'LineString', coordinates: tile.place.corners } })) });
      const lines = matches.map(({ tile, distance }) => [tile.id, tile.survey, tile.place.line, distance].join());
      return { type: 'text/csv', body: ['tile,survey,line,distance', ...lines, ''].join('\n') };
    }],
    ['GET', /^\/api\/tiles\/(\w+)$/, ([, id]) => json(shown(tileOf(id)))],
    ['GET', /^\/api\/tiles\/(\w+)\/picture\.png$/, ([, id], { query }) => {
      const tile = tileOf(id);
      return { type: 'image/png', body: grey(picture(tile), Number(query.get('clip')) || surveyOf(tile.survey).clip.p99) };
    }],
    ['GET', /^\/api\/labels$/, () => json(allTiles().filter((tile) => tile.class).map((tile) => ({ tile: shown(tile), class: tile.class })))],
    ['PUT', /^\/api\/labels\/(\w+)$/, ([, id], { body }) => {
      tileOf(id).class = JSON.parse(body).class;
      return json({});
    }],
    ['DELETE', /^\/api\/labels\/(\w+)$/, ([, id]) => {
      tileOf(id).class = null;
      return json({});
    }],
    ['GET', /^\/api\/labels\/export\.zip$/, () => ({
      type: 'application/zip',
      body: zip(allTiles().filter((tile) => tile.class).map((tile) => [
        `train/${tile.class}/${tile.id}.png`, grey(picture(tile), surveyOf(tile.survey).clip.p99)])),
    })],
    ['GET', /^\/api\/projection$/, () => json({
      method: 'pca', tiles: allTiles().length,
      points: allTiles().map(({ id, descriptor, survey, class: name }) => ({ id, x: descriptor[0] * 2 + descriptor[3], y: descriptor[1] - descriptor[5], class: name, survey })),
    })],
    ['POST', /^\/api\/session$/, (_match, { body }) => {
      if (JSON.parse(body).token !== token) throw new Refused(401, 'this is not the server\'s token', 'whoever started the server knows it');
      return { type: 'text/plain', body: '', headers: { 'set-cookie': `mock=${token}; HttpOnly; SameSite=Strict; Path=/` } };
    }],
    ['GET', /^\/api\/runs$/, () => json(runs)],
    ['GET', /^\/api\/runs\/([^/]+)\/metrics$/, ([, name]) => json(runMetrics(runs.find((run) => run.name === name)))],
    ['GET', /^\/api\/runs\/([^/]+)\/report\.html$/, ([, name]) => ({ type: 'text/html', body: `<!doctype html><title>${name}</title>` })],
    ['GET', /^\/api\/jobs$/, () => json(jobs)],
    ['POST', /^\/api\/jobs$/, (_match, { body }) => {
      const { kind, survey, path } = JSON.parse(body);
      if (kind === 'train' && classes().length < 2) throw new Refused(400, 'labels of one class at most', 'give tiles of two classes their labels');
      const title = kind === 'train' ? 'train on the labels' : `index ${survey ?? path}`;
      jobs.push({ id: jobs.length + 1, kind, title, status: 'running', progress: 0, message: '' });
      return json(jobs.at(-1));
    }],
    ['GET', /^\/api\/jobs\/(\d+)\/events$/, ([, id]) => {
      const [message, lines] = WORK[jobs[id - 1].kind](runs);
      const job = Object.assign(jobs[id - 1], { status: 'done', progress: 1, message });
      const event = (kind, data) => `event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
      return { type: 'text/event-stream', body: [...lines, message].map((line) => event('log', { line })).join('') + event('end', job) };
    }],
  ];

  async function answer(request) {
    const url = new URL(request.url, 'http://mock');
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const known = token === null || url.pathname === '/api/session' || request.headers.cookie === `mock=${token}`;
    if (url.pathname.startsWith('/api/') && !known) throw new Refused(401, 'this server asks for its token');
    if (mode.slow > 0 && url.pathname.startsWith('/api/search')) await new Promise((done) => setTimeout(done, mode.slow));
    for (const [method, pattern, act] of routes) {
      const match = method === request.method && pattern.exec(decodeURIComponent(url.pathname));
      if (match) return act(match, { body, query: url.searchParams });
    }
    const path = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
    if (/^(index\.html|icon\.svg|assets\/[\w-]+\.(js|css))$/.test(path)) {
      return { type: TYPES[path.split('.').pop()], body: await readFile(DIST + path) };
    }
    throw new Refused(404, `There is nothing at ${url.pathname}.`);
  }

  return createServer((request, response) => {
    answer(request).then(
      ({ type, body, headers }) => response.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY, ...headers }).end(body),
      (error) => response.writeHead(error.status ?? 500, { 'content-type': 'application/json' })
        .end(JSON.stringify({ error: error.message, hint: error.hint ?? null })),
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const port = Number(process.argv[2] ?? 8471);
  mockServer().listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${port}`));
}
