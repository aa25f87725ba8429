/** What an interpreter does, from opening the page to a labelled set; works with any library that holds a survey. */

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { answered, drawBox, drawn, inHash } from './chromium.mjs';

/** A library that is not the mock's keeps nothing of the journey but its run. */
const CLASS = 'Journey';
const OTHER_CLASS = 'Elsewhere';

const cards = (page) => page.locator('.card').count();

/** Gives the accepted tiles a class and waits until the server has their labels: they need not be among the matches that are shown. */
async function label(page, name, count) {
  await page.locator('#class').fill(name);
  const labelled = new Set();
  const kept = page.waitForResponse((response) => {
    const url = response.url();
    if (response.request().method() === 'PUT' && url.includes('/api/labels/') && response.ok()) labelled.add(url);
    return labelled.size === count;
  });
  await page.locator('#class').press('Enter');
  await kept;
  await page.getByRole('tab', { name: 'Labels' }).click();
  const tiles = page.locator(`.class-group[aria-label="${name}"] .tile`);
  await tiles.nth(count - 1).waitFor();
  assert.equal(await tiles.count(), count);
}

async function takeOut(page, name) {
  const tiles = page.locator(`.class-group[aria-label="${name}"] .tile`);
  for (let left = await tiles.count(); left > 0; left--) {
    await tiles.first().locator('.card-picture').focus();
    await tiles.first().locator('.remove').evaluate((button) => Promise.all(button.getAnimations().map(({ finished }) => finished)));
    assert.equal(await tiles.first().locator('.remove').evaluate((button) => getComputedStyle(button).opacity), '1');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForFunction(([words, count]) => document.querySelectorAll(`${words} .tile`).length === count,
      [`.class-group[aria-label="${name}"]`, left - 1]);
  }
}

async function downloaded(page, act) {
  const [download] = await Promise.all([page.waitForEvent('download'), act()]);
  return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
}

export async function journey({ page, shot }, claim) {
  await claim('the page opens on a section', async () => {
    await drawn(page);
    assert.equal(await page.locator('.failure').count(), 0);
    assert.equal(await page.locator('.stretch').count(), 1);
    const covered = await page.locator('.surveys .index').evaluateAll((buttons) => buttons.filter((button) => {
      const extent = button.parentElement.querySelector('span').getBoundingClientRect();
      return extent.bottom > button.getBoundingClientRect().top;
    }).length);
    assert.equal(covered, 0, 'no button covers a survey’s extent');
    assert.ok(await page.locator('.axis-down text').count() > 3);
    await shot('open');
  });
  await claim('the cursor reads inline, crossline, time and amplitude', async () => {
    await page.locator('.plot').hover();
    await page.waitForFunction(() => [...document.querySelectorAll('.read-out dd')].every((entry) => entry.textContent !== '–'));
  });
  await claim('a box drawn on the section finds its look-alikes', async () => {
    const started = performance.now();
    await drawBox(page, [0.3, 0.45], [0.5, 0.7]);
    await answered(page);
    console.log(`      the first pictures came after ${Math.round(performance.now() - started)} ms`);
    assert.ok(await cards(page) > 0);
    assert.equal(await page.locator('.box-query').count(), 1);
    assert.ok(await inHash(page, 'box') || await page.waitForFunction(() => location.hash.includes('box=')));
    await shot('matches');
  });
  await claim('the distance slider hides matches without another search', async () => {
    const before = await cards(page);
    let asked = 0;
    const count = (request) => (asked += request.url().endsWith('/api/search') ? 1 : 0);
    page.on('request', count);
    await page.locator('#farthest').fill('60');
    const after = await cards(page);
    assert.ok(after > 0 && after < before, `${after} of ${before}`);
    await page.locator('#farthest').fill('200');
    assert.equal(await cards(page), before);
    assert.equal(asked, 0);
    page.off('request', count);
  });
  await claim('a filter asks the server again', async () => {
    await page.getByRole('button', { name: 'Filter' }).click();
    const [request] = await Promise.all([
      page.waitForRequest('**/api/search'), page.locator('.filters').getByRole('button', { name: 'inline', exact: true }).click(),
    ]);
    assert.deepEqual(request.postDataJSON().filters.directions, ['inline']);
    await answered(page);
    for (const words of await page.locator('.card .where:nth-child(2)').allTextContents()) assert.match(words, /^(IL|L) /);
    for (const words of await page.locator('.card .where:nth-child(3)').allTextContents()) assert.match(words, /^(XL|TR) -?[\d.]+–/);
    await shot('filter');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await answered(page);
    await page.getByRole('button', { name: 'Filter' }).click();
  });
  await claim('a click on a match shows it in its section, and back returns', async () => {
    await page.waitForTimeout(400);
    const before = await page.evaluate(() => location.hash);
    await page.locator('.card-picture').nth(2).click();
    await page.waitForSelector('.box-mark');
    await drawn(page);
    await page.waitForFunction(() => location.hash.includes('mark='));
    await shot('jump');
    await page.goBack();
    await page.waitForFunction((hash) => location.hash === hash, before);
    await page.waitForSelector('.box-query');
    await drawn(page);
  });
  await claim('yes and no refine the search', async () => {
    await page.locator('.card').nth(0).getByRole('button', { name: 'Looks alike', exact: true }).click();
    await page.locator('.card-picture').nth(1).focus();
    await page.keyboard.press('y');
    await page.locator('.card-picture').nth(3).focus();
    await page.keyboard.press('n');
    assert.equal(await page.locator('.asked h2').innerText(), 'Box');
    assert.match(await page.locator('.asked .pending').innerText(), /^2 yes, 1 no marked, not yet used/);
    await shot('feedback');
    await page.locator('.results-body').evaluate((list) => list.scrollTo(0, 400));
    const [request] = await Promise.all([page.waitForRequest('**/api/search'), page.keyboard.press('r')]);
    const { query } = request.postDataJSON();
    assert.equal(query.kind, 'examples');
    assert.deepEqual([query.like.length, query.unlike.length, query.box?.kind], [2, 1, 'box']);
    await page.waitForFunction(() => document.querySelector('.results-body').scrollTop === 0);
    await answered(page);
    assert.equal(await page.locator('.asked h2').innerText(), 'Box and examples');
    assert.equal(await page.locator('.asked .pending').count(), 0);
    await shot('refined');
  });
  await claim('accepted tiles get a class and become a labelled set', async () => {
    await label(page, CLASS, 2);
    if (await page.locator('.class-group').count() === 1) assert.ok(await page.getByRole('button', { name: 'Train' }).isDisabled());
    await shot('labels');
    const { name, content } = await downloaded(page, () => page.getByRole('button', { name: 'Export zip' }).click());
    assert.equal(name, 'labels.zip');
    assert.ok(content.includes(`train/${CLASS}/`));
    await page.getByRole('tab', { name: 'Sections' }).click();
    await drawn(page);
  });
  await claim('a picture from the disk finds its look-alikes', async () => {
    await page.getByRole('button', { name: 'Clear', exact: true }).click();
    const buffer = await page.locator('.plot').screenshot();
    const [request] = await Promise.all([
      page.waitForRequest('**/api/search'), page.locator('.upload input').setInputFiles({ name: 'outcrop.png', mimeType: 'image/png', buffer }),
    ]);
    const { query } = request.postDataJSON();
    assert.equal(query.kind, 'image');
    assert.ok(Buffer.from(query.png_base64, 'base64').subarray(1, 4).equals(Buffer.from('PNG')));
    await answered(page);
    assert.ok(await cards(page) > 0);
    assert.equal(await page.locator('.asked h2').innerText(), 'Picture');
    await shot('picture');
  });
  await claim('a labelled set of two classes becomes an encoder', async () => {
    const others = page.locator('.card').filter({ hasNotText: CLASS });
    for (const card of [0, 1]) await others.nth(card).getByRole('button', { name: 'Looks alike', exact: true }).click();
    await label(page, OTHER_CLASS, 2);
    await shot('labels-of-two-classes');
    const [request] = await Promise.all([
      page.waitForRequest((asked) => asked.url().endsWith('/api/jobs') && asked.method() === 'POST'), page.getByRole('button', { name: 'Train' }).click(),
    ]);
    assert.deepEqual(request.postDataJSON(), { kind: 'train' });
    const job = page.locator('.jobs li').first();
    await job.locator('.state.done').waitFor();
    assert.match(await job.locator('.message').innerText(), /for --encoder$/);
    assert.match(await page.locator('.jobs .log').innerText(), /epoch 2\//);
    await page.locator('.runs tr.current .state.finished').waitFor();
    await page.waitForSelector('.curve');
    const run = page.locator('.runs tr.current');
    assert.match(await run.innerText(), /fine-tuning from texture\s+finished/);
    await shot('trained');
    const { name, content } = await downloaded(page, () => run.getByRole('link', { name: /^Page of/ }).click());
    assert.equal(name, `${await run.getByRole('button').innerText()}.html`);
    assert.match(content.toString().slice(0, 40), /^<!doctype html>/i);
    await page.getByRole('tab', { name: 'Labels' }).click();
    await takeOut(page, CLASS);
    await takeOut(page, OTHER_CLASS);
    await page.getByRole('tab', { name: 'Sections' }).click();
    await drawn(page);
  });
  await claim('matches become files', async () => {
    for (const [button, file, sign] of [
      ['Table (CSV)', 'matches.csv', ','], ['Map layer (GeoJSON)', 'matches.geojson', 'FeatureCollection'],
      ['JSON', 'matches.json', '{'], ['Report page', 'report.html', '<!doctype html>'],
    ]) {
      await page.locator('.menu summary').click();
      if (file === 'matches.csv') await shot('export');
      const { name, content } = await downloaded(page, () => page.getByRole('button', { name: button, exact: true }).click());
      assert.equal(name, file);
      assert.ok(content.toString().toLowerCase().includes(sign.toLowerCase()), `${file}: ${content.toString().slice(0, 80)}`);
    }
  });
  await claim('the embedding map is drawn and a lasso chooses tiles', async () => {
    await page.getByRole('tab', { name: 'Embedding map' }).click();
    await page.waitForSelector('.scatter canvas');
    const box = await page.locator('.scatter-area').boundingBox();
    await page.mouse.move(box.x + 4, box.y + 4);
    await page.mouse.down();
    for (const [x, y] of [[0.5, 0.01], [0.99, 0.01], [0.99, 0.5], [0.99, 0.99], [0.5, 0.99], [0.01, 0.99], [0.01, 0.5], [0.01, 0.2]]) {
      await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 2 });
    }
    await page.mouse.up();
    await page.waitForSelector('.selection .tile canvas');
    await shot('embedding');
  });
  await claim('runs are listed', async () => {
    await page.getByRole('tab', { name: 'Runs' }).click();
    await page.waitForSelector('.runs table, .runs .empty');
    await page.waitForTimeout(500);
    await shot('runs');
    await page.getByRole('tab', { name: 'Sections' }).click();
    await drawn(page);
  });
  await claim('what has a mouse has a key', () => keyboard(page, shot));
  await claim('every control has a name', async () => {
    const nameless = await page.evaluate(() => [...document.querySelectorAll('button, input, select, summary')]
      .filter((control) => !control.closest('[hidden]')
        && !(control.getAttribute('aria-label') || control.textContent.trim() || control.labels?.[0]?.textContent.trim()))
      .map((control) => control.outerHTML.slice(0, 120)));
    assert.deepEqual(nameless, []);
  });
}

/** A box whose first trace is such is not searched, and why is said. */
async function refusedBox(page, first, words) {
  let asked = 0;
  const count = (request) => (asked += request.url().endsWith('/api/search') ? 1 : 0);
  page.on('request', count);
  await page.locator('#box-first').fill(first);
  await page.keyboard.press('Enter');
  await page.waitForFunction((wanted) => new RegExp(wanted).test(document.querySelector('.notice.bad')?.textContent), words.source);
  page.off('request', count);
  assert.equal(asked, 0);
}

async function keyboard(page, shot) {
  await page.keyboard.press('Escape');
  await page.locator('.plot').focus();
  await page.keyboard.press('f');
  await page.keyboard.press('+');
  await page.keyboard.press('+');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('c');
  assert.equal(await page.locator('#colours').inputValue(), 'red-white-blue');
  await page.keyboard.press('p');
  await page.waitForFunction(() => location.hash.includes('polarity=flipped') && location.hash.includes('window='));
  const before = await page.locator('#line').inputValue();
  await page.keyboard.press(']');
  await page.keyboard.press(']');
  await page.waitForTimeout(300);
  await page.keyboard.press('[');
  await drawn(page);
  console.log(`      line ${before} → ${await page.locator('#line').inputValue()}`);
  await page.keyboard.press('g');
  await page.keyboard.type('99999');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => /99999 is not in this survey/.test(document.querySelector('.notice.bad')?.textContent));
  await page.keyboard.press('Escape');
  await page.keyboard.press('d');
  const first = await page.locator('#box-first').inputValue();
  await refusedBox(page, '99999', /reach beyond this section/);
  await shot('box-outside');
  await refusedBox(page, await page.locator('#box-last').inputValue(), /too small/);
  await page.locator('#box-first').fill(first);
  await page.keyboard.press('Tab');
  const [request] = await Promise.all([page.waitForRequest('**/api/search'), page.keyboard.press('Enter')]);
  assert.equal(request.postDataJSON().query.kind, 'box');
  await answered(page);
  await drawn(page);
  assert.equal(await page.locator('.notice.bad:not([hidden])').count(), 0);
  await shot('keyboard');
  await page.keyboard.press('Escape');
  await page.locator('.plot').focus();
  await page.keyboard.press('?');
  await page.waitForSelector('dialog.help[open]');
  assert.equal(await page.locator('.outlines .line').count(), 3);
  await shot('help');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog.help', { state: 'detached' });
}
