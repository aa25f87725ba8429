/** What the page shows when there is nothing to show; only the mock server can be brought into these states. */

import assert from 'node:assert/strict';
import { answered, drawBox, drawn } from './chromium.mjs';

const mode = (page, wanted) => page.evaluate((body) => fetch('/mock', { method: 'POST', body: JSON.stringify(body) }), wanted);

export async function states({ page, shot, expected }, url, server, claim) {
  await claim('a slice is shown and refuses boxes', async () => {
    await page.goto(`${url}#survey=harbour-3d&direction=slice&line=800&colours=viridis`);
    await drawn(page);
    assert.equal(await page.locator('.stretch').count(), 0);
    await drawBox(page, [0.3, 0.3], [0.5, 0.5]);
    await page.waitForSelector('.notice.bad:not([hidden])');
    await shot('slice');
  });
  await claim('a section of 10 000 × 5 000 samples pans and zooms', () => longLine(page, url, shot));
  await claim('a link restores the view', () => link(page, url));
  await claim('a survey that cannot be read says why', async () => {
    await page.getByRole('button', { name: 'Delta 1998' }).click();
    await page.waitForSelector('.over .failure');
    await shot('survey-gone');
  });
  await claim('a survey that is not there is said not to be there', async () => {
    await page.goto(`${url}#survey=nowhere`);
    await page.waitForFunction(() => document.querySelector('.over .failure')?.textContent.includes('nowhere'));
  });
  await claim('an unknown line is answered in the server’s words', async () => {
    expected.push(/404/);
    await page.goto(`${url}#survey=harbour-3d&tile=99999`);
    await page.reload();
    await page.waitForSelector('.results .failure');
    assert.match(await page.locator('.results .failure').innerText(), /not in this library/);
    await shot('search-failed');
  });
  await claim('indexing is followed to its end', async () => {
    await page.getByRole('tab', { name: 'Runs' }).click();
    await page.locator('#index-path').fill('line-8.sgy');
    await page.locator('#index-path').press('Enter');
    await page.waitForSelector('.jobs .state.done');
    assert.match(await page.locator('.jobs .log').innerText(), /360 tiles/);
    await shot('jobs');
    await page.getByRole('tab', { name: 'Sections' }).click();
  });
  await claim('a pretraining shows what decides of it, and its curves', async () => {
    await page.getByRole('tab', { name: 'Runs' }).click();
    await page.getByRole('button', { name: 'early-reef-1' }).click();
    assert.match(await page.locator('.runs tr.current').innerText(), /masked autoencoder from vit-compact.*0\.21\d*\s+reconstruction_loss/s);
    await page.getByRole('img', { name: 'reconstruction_loss over steps' }).waitFor();
    assert.match(await page.locator('.curve .line').first().getAttribute('d'), /^M.*L/);
    const hidden = await page.locator('.table-box').evaluate((box) => box.scrollWidth - box.clientWidth);
    assert.equal(hidden, 0, 'the table of runs fits the view');
    await shot('pretraining');
    await page.getByRole('tab', { name: 'Sections' }).click();
  });
  await claim('tiles of a folder of images are filtered by it, and it is no survey', async () => {
    assert.equal(await page.locator('.surveys').getByText('Outcrops').count(), 0);
    await drawn(page);
    await drawBox(page, [0.2, 0.2], [0.4, 0.4]);
    await answered(page);
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.locator('.filters').getByRole('button', { name: 'Outcrops' }).waitFor();
    await page.getByRole('button', { name: 'Filter' }).click();
  });
  await claim('fewer matches than were asked for are explained', async () => {
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByLabel('Matches of each survey at most').fill('4');
    await page.getByLabel('Matches of each survey at most').press('Enter');
    await page.waitForSelector('.passed-over');
    assert.match(await page.locator('.passed-over').innerText(), /^Passed over: \d+ of surveys that have enough matches$/);
    await shot('passed-over');
    await page.getByLabel('Matches of each survey at most').fill('');
    await page.getByLabel('Matches of each survey at most').press('Enter');
    await page.waitForSelector('.passed-over', { state: 'detached' });
    await page.getByRole('button', { name: 'Filter' }).click();
  });
  await claim('matches that are not calibrated have distances only, and say so', async () => {
    await mode(page, { calibrated: false });
    await drawBox(page, [0.3, 0.3], [0.5, 0.5]);
    await answered(page);
    assert.match(await page.locator('.uncalibrated').innerText(), /^Not calibrated.*refcon serve --calibration/s);
    assert.equal(await page.locator('#least-sure, .card meter').count(), 0);
    assert.doesNotMatch(await page.locator('.cards').innerText(), /%/);
    await shot('not-calibrated');
    await mode(page, { calibrated: true });
  });
  await claim('a slow search says that it searches', async () => {
    await mode(page, { slow: 1500 });
    await drawn(page);
    await drawBox(page, [0.2, 0.2], [0.4, 0.4]);
    await page.waitForSelector('.results .spinner');
    await shot('slow');
    await answered(page);
    await mode(page, { slow: 0 });
  });
  await claim('a library without surveys says how to index one', async () => {
    await mode(page, { surveys: 'none' });
    await page.goto(url);
    await page.reload();
    await page.waitForSelector('.centre .empty pre');
    await shot('no-surveys');
    await mode(page, { surveys: 'many' });
  });
  await claim('a server that is gone is said to be gone, and its return is noticed', async () => {
    expected.push(/ERR_CONNECTION/, /Failed to load resource/);
    await page.reload();
    await drawn(page);
    const { port } = server.address();
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    await page.locator('.plot').focus();
    await page.keyboard.press(']');
    await page.waitForSelector('.gone');
    await shot('server-gone');
    await new Promise((done) => server.listen(port, '127.0.0.1', done));
    await page.waitForSelector('.gone', { state: 'detached' });
    await drawn(page);
  });
}

async function longLine(page, url, shot) {
  await page.goto(`${url}#survey=coast-line-7&line=7`);
  await page.reload();
  await drawn(page);
  await shot('long-line');
  const box = await page.locator('.plot').boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const frames = page.evaluate(() => new Promise((done) => {
    const times = [];
    const started = performance.now();
    const next = (now) => {
      times.push(now);
      if (now - started < 4000) requestAnimationFrame(next);
      else done(times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b));
    };
    requestAnimationFrame(next);
  }));
  for (let i = 0; i < 12; i++) await page.mouse.wheel(0, -240);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 4, box.y + box.height / 4, { steps: 25 });
  await page.mouse.up();
  const gaps = await frames;
  console.log(`      frames while zooming and panning: median ${gaps[gaps.length >> 1].toFixed(0)} ms, 95 % under ${gaps[Math.floor(gaps.length * 0.95)].toFixed(0)} ms`);
  await drawn(page);
  await shot('long-line-near');
}

/** The same address in a fresh page shows the same section, box and matches. */
async function link(page, url) {
  const first = `${url}#survey=harbour-3d&direction=crossline&line=2120&window=1040~1280~300~1300&colours=red-white-blue&clip=98&polarity=flipped`
    + '&box=harbour-3d~crossline~2120~1100~1200~500~900&directions=inline&k=20';
  const open = async (address) => {
    const other = await page.context().newPage();
    await other.goto(address);
    await drawn(other);
    await answered(other);
    await other.waitForFunction(() => location.hash.includes('window=1040~1280~300~1300'));
    return other;
  };
  const one = await open(first);
  const two = await open(one.url());
  const words = async (at) => (await at.locator('.results').innerText()).replace(/in .* ms\n/, '');
  assert.equal(await words(two), await words(one));
  const plot = (at) => at.locator('.plot').screenshot();
  // The last frame may still be on its way to the screen.
  for (let tries = 0; !(await plot(one)).equals(await plot(two)); tries++) {
    assert.ok(tries < 20, 'the section differs');
    await page.waitForTimeout(500);
  }
  await one.close();
  await two.close();
}
