/** Which tiles of a section's pyramid a view needs. Level 0 has full resolution, each level above half of it. */

import type { Camera, Size, Window } from './camera';
import { windowOf } from './camera';

export interface Pyramid extends Size {
  levels: number;
  tile_size: number;
}

export interface TilePlace {
  level: number;
  column: number;
  row: number;
}

/** The coarsest level that still has a sample for each screen pixel, in the direction that is shown larger. */
export function levelFor(camera: Camera, pixelRatio: number, levels: number): number {
  const finest = Math.max(camera.across, camera.down) * pixelRatio;
  const level = Math.floor(-Math.log2(finest) + 1e-9);
  return Math.min(levels - 1, Math.max(0, level));
}

/** How many tiles a level has. */
export function tileCounts(pyramid: Pyramid, level: number): { columns: number; rows: number } {
  const side = pyramid.tile_size * 2 ** level;
  return { columns: Math.ceil(pyramid.width / side), rows: Math.ceil(pyramid.height / side) };
}

/** The tiles of a level that meet a window of the section, those in its middle first. */
export function tilesIn(pyramid: Pyramid, window: Window, level: number): TilePlace[] {
  const side = pyramid.tile_size * 2 ** level;
  const { columns, rows } = tileCounts(pyramid, level);
  const first = (place: number): number => Math.max(0, Math.floor(place / side));
  const last = (place: number, count: number): number => Math.min(count - 1, Math.ceil(place / side) - 1);
  const found: TilePlace[] = [];
  for (let row = first(window.top); row <= last(window.bottom, rows); row++) {
    for (let column = first(window.left); column <= last(window.right, columns); column++) {
      found.push({ level, column, row });
    }
  }
  const middle = { column: (window.left + window.right) / 2 / side - 0.5, row: (window.top + window.bottom) / 2 / side - 0.5 };
  const distance = (tile: TilePlace): number => Math.hypot(tile.column - middle.column, tile.row - middle.row);
  return found.sort((a, b) => distance(a) - distance(b));
}

export function tilesFor(pyramid: Pyramid, camera: Camera, view: Size, pixelRatio: number): TilePlace[] {
  return tilesIn(pyramid, windowOf(camera, view), levelFor(camera, pixelRatio, pyramid.levels));
}

/** The tile of the next coarser level that holds this one. */
export function parentOf(tile: TilePlace): TilePlace {
  return { level: tile.level + 1, column: tile.column >> 1, row: tile.row >> 1 };
}

/** The part of the section that a tile shows, in traces and samples. */
export function extentOf(pyramid: Pyramid, tile: TilePlace): Window {
  const side = pyramid.tile_size * 2 ** tile.level;
  return {
    left: tile.column * side,
    right: Math.min(pyramid.width, (tile.column + 1) * side),
    top: tile.row * side,
    bottom: Math.min(pyramid.height, (tile.row + 1) * side),
  };
}

export const tileName = (tile: TilePlace): string => `${tile.level}/${tile.column}/${tile.row}`;

/** What is drawn for a wanted tile: itself, or the part that it covers of the nearest coarser tile that is there. */
export function standIn<T>(tile: TilePlace, levels: number, loaded: (place: TilePlace) => T | undefined):
{ place: TilePlace; content: T } | null {
  for (let place = tile; place.level < levels; place = parentOf(place)) {
    const content = loaded(place);
    if (content !== undefined) return { place, content };
  }
  return null;
}
