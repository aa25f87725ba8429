/** A server that asks for a token shows nothing without it, and remembers who told it. */

import assert from 'node:assert/strict';
import { answered, drawBox, drawn } from './chromium.mjs';

export async function signingIn({ page, shot, expected }, token, claim) {
  expected.push(/401/);
  const dialog = page.getByRole('dialog', { name: 'Sign in' });
  const send = async (words) => {
    await dialog.getByLabel('Token').fill(words);
    await dialog.getByRole('button', { name: 'Sign in' }).click();
  };
  await claim('without the token nothing is shown', async () => {
    await dialog.waitFor();
    assert.equal(await page.locator('.surveys li').count(), 0);
    await page.keyboard.press('Escape');
    assert.ok(await dialog.isVisible());
  });
  await claim('a wrong token is refused in the server’s words', async () => {
    await send('not-the-token-of-it');
    await dialog.getByRole('alert').waitFor();
    assert.match(await dialog.getByRole('alert').innerText(), /not the server's token/);
    await shot('wrong-token');
  });
  await claim('the token opens the page, and is asked for once', async () => {
    await send(token);
    await dialog.waitFor({ state: 'detached' });
    await drawn(page);
    expected.length = 0;
    await page.reload();
    await drawn(page);
    await drawBox(page, [0.3, 0.45], [0.5, 0.7]);
    await answered(page);
    assert.equal(await dialog.count(), 0);
    await shot('signed-in');
  });
}
