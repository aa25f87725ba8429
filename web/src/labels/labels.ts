/** The labelled set: tiles with the class a person gave them. */

import { computed } from '@preact/signals';
import * as api from '../api/client';
import type { Label, TileId } from '../api/types';
import { answer } from '../results/search';
import { library } from '../state/catalogue';
import { failure, resource, valueOf } from '../state/loading';
import { save } from '../state/saving';
import { say } from '../state/view';

export const labels = resource<Label[]>();

export const loadLabels = (): Promise<void> => labels.load(api.labels);

/** Classes people have given, and those the library came with: for type-ahead. */
export const classes = computed<string[]>(() => {
  const given = (valueOf(labels.now.value) ?? []).map((label) => label.class);
  const stored = (valueOf(library.now.value)?.classes ?? []).map(({ name }) => name);
  return [...new Set([...given, ...stored])].sort((a, b) => a.localeCompare(b));
});

/** Labels by class, the largest class first. */
export const byClass = computed<[string, Label[]][]>(() => {
  const groups = new Map<string, Label[]>();
  for (const label of valueOf(labels.now.value) ?? []) groups.set(label.class, [...(groups.get(label.class) ?? []), label]);
  return [...groups].sort((a, b) => b[1].length - a[1].length || a[0].localeCompare(b[0]));
});

/** Of accepted tiles those that a class given now is meant for: what has a label keeps it, unless all have one. */
export function toLabel(accepted: TileId[]): TileId[] {
  const labelled = new Set((valueOf(labels.now.value) ?? []).map(({ tile }) => tile.id));
  const without = accepted.filter((id) => !labelled.has(id));
  return without.length > 0 ? without : accepted;
}

/** What labelling did: a tile has one class, so another one takes the tile out of the class it had. */
export function assigned(ids: TileId[], wanted: string, before: Label[]): string {
  const had = new Map(before.map(({ tile, class: name }) => [tile.id, name]));
  const moved = new Map<string, number>();
  for (const id of ids) {
    const name = had.get(id);
    if (name !== undefined && name !== wanted) moved.set(name, (moved.get(name) ?? 0) + 1);
  }
  const tiles = (count: number): string => `${count} ${count === 1 ? 'tile' : 'tiles'}`;
  const others = ids.length - [...moved.values()].reduce((sum, count) => sum + count, 0);
  return [
    ...(others > 0 ? [`${tiles(others)} labelled ${wanted}`] : []),
    ...[...moved].map(([name, count]) => `${tiles(count)} moved from ${name} to ${wanted}`),
  ].join(', ');
}

export async function assign(ids: TileId[], name: string): Promise<void> {
  const wanted = name.trim();
  if (wanted === '' || ids.length === 0) return;
  try {
    for (const id of ids) await api.setLabel(id, wanted);
    say(assigned(ids, wanted, valueOf(labels.now.value) ?? []));
  } catch (error) {
    say(failure(error).message, true);
  }
  showClasses(new Set(ids), wanted);
  await loadLabels();
}

export async function unassign(id: TileId): Promise<void> {
  try {
    await api.removeLabel(id);
    labels.change((all) => all.filter(({ tile }) => tile.id !== id));
    showClasses(new Set([id]), null);
  } catch (error) {
    say(failure(error).message, true);
  }
}

/** The matches on the screen say their new class without being asked for again. */
function showClasses(ids: Set<TileId>, name: string | null): void {
  answer.change((found) => ({
    ...found,
    matches: found.matches.map((match) =>
      (ids.has(match.tile.id) ? { ...match, tile: { ...match.tile, class: name } } : match)),
  }));
}

export async function exportLabels(): Promise<void> {
  try {
    save(await api.exportedLabels(), 'labels.zip');
    say('Saved labels.zip');
  } catch (error) {
    say(failure(error).message, true);
  }
}
