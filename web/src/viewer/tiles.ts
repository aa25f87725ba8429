/** The tiles of one section: asked for a few at a time, the newest wishes first, kept up to a limit. */

import type { Amplitudes } from '../api/client';
import { sectionTile } from '../api/client';
import type { Section } from '../api/types';
import type { TilePlace } from './pyramid';
import { tileName, tilesIn } from './pyramid';

/** Browsers open six connections to a host; two stay free for searches. */
const AT_ONCE = 4;
/** 64 MiB of tiles of 256 × 256. */
const KEPT = 256;

export class SectionTiles {
  private readonly loaded = new Map<string, Amplitudes>();
  private readonly running = new Map<string, AbortController>();
  private readonly failed = new Set<string>();
  private wanted: TilePlace[] = [];
  private readonly coarsest: TilePlace[];

  /** `changed` is called when a tile has come, or could not (with the error). */
  constructor(readonly survey: string, readonly section: Section, private readonly changed: (error?: unknown) => void) {
    const all = { left: 0, top: 0, right: section.width, bottom: section.height };
    this.coarsest = tilesIn(section, all, section.levels - 1);
  }

  get(place: TilePlace): Amplitudes | undefined {
    return this.loaded.get(tileName(place));
  }

  get empty(): boolean {
    return this.loaded.size === 0;
  }

  /** Whether tiles are on their way. */
  get busy(): boolean {
    return this.running.size > 0;
  }

  /** Asks for these tiles (the first ones first) and no longer for others; the coarsest level always comes first. */
  want(tiles: TilePlace[]): void {
    this.wanted = [...this.coarsest, ...tiles];
    const names = new Set(this.wanted.map(tileName));
    for (const [name, controller] of this.running) {
      if (!names.has(name)) controller.abort();
    }
    for (const tile of tiles) this.touch(tileName(tile));
    this.start();
  }

  /** All tiles of a window at full resolution, as a picture of amplitudes is cut from them. */
  async whole(tiles: TilePlace[]): Promise<void> {
    await Promise.all(tiles.filter((tile) => !this.get(tile)).map(async (tile) => {
      const content = await this.fetch(tile);
      this.loaded.set(tileName(tile), content);
    }));
  }

  /** Tries again what failed. */
  retry(): void {
    this.failed.clear();
    this.start();
  }

  close(): void {
    this.wanted = [];
    for (const controller of this.running.values()) controller.abort();
  }

  private touch(name: string): void {
    const content = this.loaded.get(name);
    if (!content) return;
    this.loaded.delete(name);
    this.loaded.set(name, content);
  }

  private fetch(tile: TilePlace, signal?: AbortSignal): Promise<Amplitudes> {
    return sectionTile(this.survey, this.section.direction, this.section.line, tile, signal);
  }

  private start(): void {
    for (const tile of this.wanted) {
      if (this.running.size >= AT_ONCE) return;
      const name = tileName(tile);
      if (this.loaded.has(name) || this.running.has(name) || this.failed.has(name)) continue;
      const controller = new AbortController();
      this.running.set(name, controller);
      this.fetch(tile, controller.signal).then(
        (content) => this.arrived(name, content),
        (error: unknown) => this.missed(name, controller, error),
      );
    }
  }

  private arrived(name: string, content: Amplitudes): void {
    this.running.delete(name);
    this.loaded.set(name, content);
    const always = new Set(this.coarsest.map(tileName));
    for (const oldest of this.loaded.keys()) {
      if (this.loaded.size <= KEPT) break;
      if (!always.has(oldest)) this.loaded.delete(oldest);
    }
    this.start();
    this.changed();
  }

  private missed(name: string, controller: AbortController, error: unknown): void {
    this.running.delete(name);
    if (!controller.signal.aborted) {
      this.failed.add(name);
      this.changed(error);
    }
    this.start();
  }
}
