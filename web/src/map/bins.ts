/** From a place on the map to the inline and crossline there. */

import type { OpenSurvey, Point } from '../api/types';
import { nearest } from '../state/lines';

/**
 * The inline and crossline nearest to a point inside a volume's outline; null beside it, and where the survey is no volume. The
 * outline's corners are those of the first inline's first and last crossline, then of the last inline's last and first.
 */
export function linesAt(survey: OpenSurvey, [x, y]: Point): { inline: number; crossline: number } | null {
  const { geometry, outline } = survey;
  if (geometry.type !== 'volume' || !outline || outline.length < 4) return null;
  const [origin, along, , up] = outline as [Point, Point, Point, Point];
  const [ux, uy] = [along[0] - origin[0], along[1] - origin[1]];
  const [vx, vy] = [up[0] - origin[0], up[1] - origin[1]];
  const area = ux * vy - uy * vx;
  if (area === 0) return null;
  const [dx, dy] = [x - origin[0], y - origin[1]];
  const shareAlong = (dx * vy - dy * vx) / area;
  const shareUp = (ux * dy - uy * dx) / area;
  if (Math.min(shareAlong, shareUp) < 0 || Math.max(shareAlong, shareUp) > 1) return null;
  const { inlines, crosslines } = geometry;
  return {
    inline: nearest(inlines, inlines.first + shareUp * (inlines.count - 1) * inlines.step),
    crossline: nearest(crosslines, crosslines.first + shareAlong * (crosslines.count - 1) * crosslines.step),
  };
}
