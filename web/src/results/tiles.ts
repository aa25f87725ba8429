/** Tiles of which only the id is known, asked for once. */

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import * as api from '../api/client';
import type { Tile, TileId } from '../api/types';

const known = new Map<TileId, Tile>();

/** Null until it has come. */
export function useTile(id: TileId): Tile | null {
  const tile = useSignal<Tile | null>(known.get(id) ?? null);
  useEffect(() => {
    tile.value = known.get(id) ?? null;
    if (tile.value) return undefined;
    let wanted = true;
    api.tile(id).then((found) => {
      known.set(id, found);
      if (wanted) tile.value = found;
    }, () => undefined);
    return () => void (wanted = false);
  }, [id]);
  return tile.value;
}
