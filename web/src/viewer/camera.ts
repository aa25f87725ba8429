/**
 * Which part of a section is seen. Places are counted in traces and samples from the section's left upper corner: trace `i` fills
 * `i..i + 1`, its centre is at `i + 0.5`. Screen lengths are CSS pixels.
 */

export interface Camera {
  /** The place at the view's left upper corner. */
  left: number;
  top: number;
  /** Pixels a trace and a sample. */
  across: number;
  down: number;
}

export interface Size {
  width: number;
  height: number;
}

/** Nearer than this a single amplitude fills the screen. */
const NEAREST = 64;
/** So much of the view must stay filled by the section, as a share. */
const KEPT = 0.2;

/** The whole section, filling the view both ways: seismic sections have no natural proportions. */
export function fitted(section: Size, view: Size): Camera {
  return { left: 0, top: 0, across: view.width / section.width, down: view.height / section.height };
}

/** The scale limits: from half of the whole section's size to single amplitudes. */
function limited(scale: number, whole: number): number {
  const least = Math.min(whole / 2, NEAREST);
  return Math.min(NEAREST, Math.max(least, scale));
}

/** Zoomed about a point of the view by factors above 1 (nearer) or below. */
export function zoomed(
  camera: Camera, about: { x: number; y: number }, factorAcross: number, factorDown: number, section: Size, view: Size,
): Camera {
  const whole = fitted(section, view);
  const across = limited(camera.across * factorAcross, whole.across);
  const down = limited(camera.down * factorDown, whole.down);
  return kept({
    left: camera.left + about.x / camera.across - about.x / across,
    top: camera.top + about.y / camera.down - about.y / down,
    across,
    down,
  }, section, view);
}

export function panned(camera: Camera, byX: number, byY: number, section: Size, view: Size): Camera {
  return kept({ ...camera, left: camera.left - byX / camera.across, top: camera.top - byY / camera.down }, section, view);
}

/** Moved so that the section does not leave the view. */
export function kept(camera: Camera, section: Size, view: Size): Camera {
  return {
    ...camera,
    left: between(camera.left, view.width / camera.across, section.width),
    top: between(camera.top, view.height / camera.down, section.height),
  };
}

function between(start: number, shown: number, length: number): number {
  // A section that fits stays whole in the view; a larger one fills most of it.
  if (shown >= length) return Math.min(0, Math.max(length - shown, start));
  const slack = shown * KEPT;
  return Math.min(length - shown + slack, Math.max(-slack, start));
}

/** A section's part with room around it, at the camera's own scale unless the part would not fit or be tiny. */
export function showing(
  part: { left: number; top: number; width: number; height: number }, camera: Camera, section: Size, view: Size,
): Camera {
  // The part takes between an eighth and three fifths of the view, each way.
  const scale = (now: number, length: number, room: number): number =>
    Math.min(NEAREST, Math.max(room / 8 / length, Math.min((0.6 * room) / length, now)));
  const across = scale(camera.across, part.width, view.width);
  const down = scale(camera.down, part.height, view.height);
  return kept({
    left: part.left + part.width / 2 - view.width / 2 / across,
    top: part.top + part.height / 2 - view.height / 2 / down,
    across,
    down,
  }, section, view);
}

/** After the view's size changed: the same centre, the same scale. */
export function resized(camera: Camera, before: Size, view: Size, section: Size): Camera {
  const wasFitted = Math.abs(camera.across * section.width - before.width) < 1
    && Math.abs(camera.down * section.height - before.height) < 1;
  if (wasFitted) return fitted(section, view);
  return kept({
    ...camera,
    left: camera.left + (before.width - view.width) / 2 / camera.across,
    top: camera.top + (before.height - view.height) / 2 / camera.down,
  }, section, view);
}

/** The part of the section that is seen, in traces and samples; may reach over its edges. */
export interface Window {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export function windowOf(camera: Camera, view: Size): Window {
  return {
    left: camera.left,
    right: camera.left + view.width / camera.across,
    top: camera.top,
    bottom: camera.top + view.height / camera.down,
  };
}

export function cameraOf(window: Window, view: Size): Camera {
  return {
    left: window.left,
    top: window.top,
    across: view.width / (window.right - window.left),
    down: view.height / (window.bottom - window.top),
  };
}
