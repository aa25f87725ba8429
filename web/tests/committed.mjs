/** Fails where `dist` is not what the sources build to: `cargo build` embeds `dist` and has no Node. */

import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const web = fileURLToPath(new URL('..', import.meta.url));
/** The whole page, so that it stays quick over a slow line too. */
const MOST_BYTES = 300_000;

async function contents(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [relative(folder, file), await readFile(file)])));
}

const fresh = await mkdtemp(join(tmpdir(), 'refcon-page-'));
try {
  await build({ root: web, logLevel: 'warn', build: { outDir: fresh, emptyOutDir: true } });
  const [built, committed] = await Promise.all([contents(fresh), contents(join(web, 'dist'))]);
  const names = [...new Set([...built.keys(), ...committed.keys()])].sort();
  const differ = names.filter((name) => !built.has(name) || !committed.has(name) || !built.get(name).equals(committed.get(name)));
  const bytes = [...built.values()].reduce((sum, file) => sum + file.length, 0);
  if (differ.length > 0) throw new Error(`web/dist is not what the sources build to: ${differ.join(', ')}. Run npm run build.`);
  if (bytes > MOST_BYTES) throw new Error(`The page takes ${bytes} bytes; at most ${MOST_BYTES} are wanted.`);
  console.log(`web/dist is up to date: ${bytes} bytes in ${built.size} files`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(fresh, { recursive: true });
}
