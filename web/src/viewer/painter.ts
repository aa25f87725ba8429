/** What draws a section's tiles on a canvas, and what it is told. */

import type { Amplitudes } from '../api/client';
import type { Camera, Window } from './camera';
import type { Pyramid, TilePlace } from './pyramid';
import { extentOf, standIn } from './pyramid';

interface Rectangle {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** A part of a loaded tile and where it goes on the canvas, in device pixels. */
export interface Drawn {
  content: Amplitudes;
  place: TilePlace;
  tileSize: number;
  extent: Window;
  screen: Rectangle;
}

export interface Paint {
  table: Uint8ClampedArray<ArrayBuffer>;
  clip: number;
  /** Values between traces and samples; otherwise each is a rectangle of one colour. */
  smooth: boolean;
}

export interface Painter {
  name: string;
  paint(drawn: Drawn[], paint: Paint): void;
  close(): void;
}

/** For each wanted tile what can be drawn of it now. */
export function drawable(
  pyramid: Pyramid, wanted: TilePlace[], camera: Camera, pixelRatio: number,
  loaded: (place: TilePlace) => Amplitudes | undefined,
): Drawn[] {
  const drawn: Drawn[] = [];
  for (const tile of wanted) {
    const found = standIn(tile, pyramid.levels, loaded);
    if (!found) continue;
    const extent = extentOf(pyramid, tile);
    // Whole device pixels, so that neighbours meet without a seam.
    const x = (place: number): number => Math.round((place - camera.left) * camera.across * pixelRatio);
    const y = (place: number): number => Math.round((place - camera.top) * camera.down * pixelRatio);
    const screen = { x0: x(extent.left), y0: y(extent.top), x1: x(extent.right), y1: y(extent.bottom) };
    if (screen.x1 > screen.x0 && screen.y1 > screen.y0) {
      drawn.push({ content: found.content, place: found.place, tileSize: pyramid.tile_size, extent, screen });
    }
  }
  return drawn;
}

/** The part's place in its tile, in texels. */
export function texelsOf({ place, tileSize, extent }: Drawn): Rectangle {
  const scale = 2 ** place.level;
  const [left, top] = [place.column * tileSize, place.row * tileSize];
  return {
    x0: extent.left / scale - left,
    y0: extent.top / scale - top,
    x1: extent.right / scale - left,
    y1: extent.bottom / scale - top,
  };
}
