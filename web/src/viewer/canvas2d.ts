/** Draws tiles of amplitudes where there is no WebGL 2: each is coloured once a look and then only scaled. */

import type { Amplitudes } from '../api/client';
import { colourIndex } from './colours';
import type { Drawn, Paint, Painter } from './painter';
import { texelsOf } from './painter';

const KEPT_PICTURES = 128;

/** The amplitudes as colours, one pixel each; NaN stays transparent. */
export function coloured(content: Amplitudes, { table, clip }: Paint): ImageData {
  const pixels = new Uint32Array(content.values.length);
  const palette = new Uint32Array(table.buffer);
  content.values.forEach((amplitude, i) => {
    if (!Number.isNaN(amplitude)) pixels[i] = palette[colourIndex(amplitude, clip)]!;
  });
  return new ImageData(new Uint8ClampedArray(pixels.buffer), content.width, content.height);
}

export function canvasPainter(canvas: HTMLCanvasElement): Painter {
  const context = canvas.getContext('2d')!;
  const pictures = new Map<Amplitudes, { look: string; canvas: HTMLCanvasElement }>();

  function pictureOf(content: Amplitudes, paint: Paint): HTMLCanvasElement {
    const look = `${paint.clip} ${paint.table.slice(0, 8).join()} ${paint.table.slice(-8).join()}`;
    const known = pictures.get(content);
    pictures.delete(content);
    const picture = known?.canvas ?? document.createElement('canvas');
    if (known?.look !== look) {
      picture.width = content.width;
      picture.height = content.height;
      picture.getContext('2d')!.putImageData(coloured(content, paint), 0, 0);
    }
    pictures.set(content, { look, canvas: picture });
    return picture;
  }

  return {
    name: 'Canvas',
    paint(drawn: Drawn[], paint: Paint): void {
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.imageSmoothingEnabled = paint.smooth;
      for (const tile of drawn) {
        const { x0, y0, x1, y1 } = tile.screen;
        const from = texelsOf(tile);
        const picture = pictureOf(tile.content, paint);
        context.drawImage(picture, from.x0, from.y0, from.x1 - from.x0, from.y1 - from.y0, x0, y0, x1 - x0, y1 - y0);
      }
      for (const content of pictures.keys()) {
        if (pictures.size <= KEPT_PICTURES) break;
        pictures.delete(content);
      }
    },
    close: () => pictures.clear(),
  };
}
