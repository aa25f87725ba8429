/**
 * The page in a real browser: `npm run browser`, against the mock server, in dark and light. `REFCON_URL=http://…` goes through the
 * journey on a running `refcon serve --runs` instead, and `REFCON_GUARDED_URL=http://…` signs in to one that was started with the token
 * `REFCON_TOKEN`; `CHROMIUM=…` says which browser. Screenshots are left in `screenshots/`.
 */

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { mockServer } from '../mock/server.mjs';
import { answered, drawBox, drawn, launch, openPage } from './chromium.mjs';
import { journey } from './journey.mjs';
import { signingIn } from './signing-in.mjs';
import { states } from './states.mjs';

const screenshots = fileURLToPath(new URL('screenshots/', import.meta.url));
const real = process.env.REFCON_URL;
const guarded = process.env.REFCON_GUARDED_URL;
const token = process.env.REFCON_TOKEN ?? 'correct-horse-battery';
const only = process.argv[2];
let failed = 0;

async function listening(server) {
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${server.address().port}/`;
}

/** Runs one part in a page of its own; what the page complained about fails it. */
async function part(name, browser, url, options, act) {
  if (only && !name.includes(only)) return;
  console.log(name);
  const opened = await openPage(browser, url, options);
  const claim = async (words, test) => {
    try {
      await test();
      console.log(`  ✓ ${words}`);
    } catch (error) {
      await opened.shot('failure').catch(() => undefined);
      throw new Error(`${words}\n${error.stack}`);
    }
  };
  try {
    await opened.page.goto(url);
    await act(opened, claim);
  } catch (error) {
    failed += 1;
    console.error(`  ✗ ${error.message}`);
  }
  for (const complaint of opened.wrong) {
    failed += 1;
    console.error(`  ✗ ${complaint}`);
  }
  await opened.close();
}

async function withoutWebGl({ page, shot }, claim) {
  await claim('a canvas draws the section', async () => {
    await drawn(page);
    assert.equal(await page.locator('.plot canvas').getAttribute('data-painter'), 'Canvas');
    await page.keyboard.press('c');
    await drawBox(page, [0.3, 0.45], [0.5, 0.7]);
    await answered(page);
    await shot('canvas');
  });
}

const browser = await launch();
if (real) {
  const folder = `${screenshots}real`;
  if (!only) await rm(folder, { recursive: true, force: true });
  await part('journey, dark', browser, real, { folder }, journey);
  await part('journey, light', browser, real, { folder, scheme: 'light', width: 1920, height: 1080 }, journey);
  if (guarded) await part('signing in', browser, guarded, { folder }, (opened, claim) => signingIn(opened, token, claim));
} else {
  const folder = `${screenshots}mock`;
  if (!only) await rm(folder, { recursive: true, force: true });
  const server = mockServer();
  const url = await listening(server);
  await part('journey, dark', browser, url, { folder }, journey);
  await part('states', browser, url, { folder }, (opened, claim) => states(opened, url, server, claim));
  const plain = await launch(['--disable-3d-apis']);
  await part('without WebGL', plain, url, { folder }, withoutWebGl);
  await plain.close();
  server.closeAllConnections();
  server.close();
  const fresh = mockServer();
  await part('journey, light', browser, await listening(fresh), { folder, scheme: 'light', width: 1920, height: 1080 }, journey);
  fresh.closeAllConnections();
  fresh.close();
  const asking = mockServer({ token });
  await part('signing in', browser, await listening(asking), { folder }, (opened, claim) => signingIn(opened, token, claim));
  asking.closeAllConnections();
  asking.close();
}
await browser.close();
console.log(failed === 0 ? 'The page works in the browser.' : `${failed} failures`);
process.exitCode = failed === 0 ? 0 : 1;
