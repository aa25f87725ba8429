/** A headless Chromium whose pages must not complain. */

import { access, constants, mkdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

/** Two busy cores draw WebGL in software. */
export const PATIENCE = 60_000;
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

async function executable() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(folder, name);
      if (await access(path, constants.X_OK).then(() => true, () => false)) return path;
    }
  }
  throw new Error(`No Chromium on PATH (${NAMES.join(', ')}); say where it is with CHROMIUM=…`);
}

export async function launch(extra = []) {
  return chromium.launch({
    executablePath: await executable(),
    args: ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), ...extra],
  });
}

/**
 * A page that notes what went wrong in it: errors, console errors, requests to other hosts. `expected` are patterns of console errors
 * that a test provokes.
 */
export async function openPage(browser, url, { scheme = 'dark', width = 1280, height = 720, folder }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const wrong = [];
  const expected = [];
  const note = (text) => expected.some((pattern) => pattern.test(text)) || wrong.push(text);
  page.on('pageerror', (error) => note(`page error: ${error.stack ?? error.message}`));
  page.on('console', (message) => message.type() === 'error' && note(`console: ${message.text()} ${message.location().url}`));
  page.on('request', (request) => {
    const host = new URL(request.url());
    if (!['data:', 'blob:'].includes(host.protocol) && host.origin !== new URL(url).origin) note(`request to ${host.origin}`);
  });
  let count = 0;
  await mkdir(folder, { recursive: true });
  return {
    page, wrong, expected,
    async shot(name) {
      count += 1;
      await page.screenshot({ path: join(folder, `${String(count).padStart(2, '0')}-${name}-${scheme}-${width}.png`) });
    },
    close: () => context.close(),
  };
}

/** Waits until the section asked for is the one on the screen, fully drawn. */
export const drawn = (page) => page.waitForFunction(() => {
  const [, line, whole] = (document.querySelector('.plot canvas')?.dataset.drawn ?? '').split(' ');
  return whole === 'whole' && line === document.querySelector('#line')?.value;
});

/** Waits for an answer and its pictures; those out of sight are not asked for. */
export async function answered(page) {
  await page.waitForSelector('.results[aria-busy=false] .card canvas');
  await page.waitForFunction(() => [...document.querySelectorAll('.card canvas')].slice(0, 6)
    .filter((canvas) => canvas.getBoundingClientRect().top < innerHeight).every((canvas) => canvas.width !== 300));
}

/** Drags with Shift over a part of the section given in shares of the view. */
export async function drawBox(page, [x0, y0], [x1, y1]) {
  const box = await page.locator('.plot').boundingBox();
  const at = (x, y) => [box.x + x * box.width, box.y + y * box.height];
  await page.keyboard.down('Shift');
  await page.mouse.move(...at(x0, y0));
  await page.mouse.down();
  await page.mouse.move(...at((x0 + x1) / 2, (y0 + y1) / 2), { steps: 3 });
  await page.mouse.move(...at(x1, y1), { steps: 3 });
  await page.mouse.up();
  await page.keyboard.up('Shift');
}

export const hash = (page) => page.evaluate(() => new URLSearchParams(location.hash.slice(1)));
export const inHash = async (page, name) => page.evaluate((key) => new URLSearchParams(location.hash.slice(1)).get(key), name);
