// A model's files as the file Worker brings them, seen from the run Worker.

import type { LogLevel } from '../../protocol/messages';
import { PoolError } from '../error';
import { type BytesBySource, type FromFiles, kHeard } from '../thread-messages';
import type { Arrivals } from './components';
import type { ModelFiles } from './engine';

export interface DownloadEvents {
  progress(loaded: number, total: number, path: string): void;
  log(level: LogLevel, message: string): void;
}

type Bytes = Uint8Array<ArrayBuffer>;

export class ModelDownload implements Arrivals {
  /** All files, verified. Rejects with the PoolError of the one that failed. */
  readonly files: Promise<ModelFiles>;
  /** The storage has them as far as it could take them. Rejects as `files` does. */
  readonly kept: Promise<void>;
  readonly present: ModelFiles = new Map();
  readonly bytes: BytesBySource = { cache: 0, pool: 0, peer: 0 };
  private readonly times = new Map<string, number>();
  private readonly waiting = new Map<string, ((bytes: Bytes) => void)[]>();

  /**
   * `count`: so many files will come. `begun`: when the load began, as performance.timeOrigin +
   * performance.now() tells it in any thread.
   */
  constructor(
    port: MessagePort,
    count: number,
    events: DownloadEvents,
    private readonly begun: number,
  ) {
    let onFiles: (files: ModelFiles) => void;
    let onKept: () => void;
    let onFailure: (error: PoolError) => void;
    this.kept = new Promise((resolve, reject) => {
      onKept = resolve;
      onFailure = reject;
    });
    this.files = new Promise((resolve, reject) => {
      onFiles = resolve;
      this.kept.catch(reject);
    });
    this.files.catch(() => undefined); // Whoever needs it awaits it.
    port.onmessage = ({ data: message }: MessageEvent<FromFiles>) => {
      switch (message.kind) {
        case 'progress':
          events.progress(message.loaded, message.total, message.path);
          return;
        case 'log':
          events.log(message.level, message.message);
          return;
        case 'file':
          this.come(message);
          if (this.times.size === count) onFiles(this.present);
          return;
        case 'kept':
          onFiles(this.present);
          onKept();
          port.postMessage(kHeard);
          return;
        case 'failed': {
          const { category, message: text, hint } = message.report;
          onFailure(new PoolError(category, text, hint));
          port.postMessage(kHeard);
        }
      }
    };
  }

  /** When the last file was complete that is there, in ms from the begin of the load. */
  get lastAt(): number {
    return Math.max(0, ...this.times.values());
  }

  arrivedAt(path: string): number {
    return this.times.get(path) ?? NaN;
  }

  /** Resolves when the file is there; rejects when the download fails. */
  file(path: string): Promise<Bytes> {
    const there = this.present.get(path);
    if (there) return Promise.resolve(there);
    return new Promise((resolve, reject) => {
      this.waiting.set(path, [...(this.waiting.get(path) ?? []), resolve]);
      this.kept.catch(reject);
    });
  }

  private come({ path, bytes, sources, completeAt }: Extract<FromFiles, { kind: 'file' }>): void {
    this.present.set(path, bytes);
    // Of two clocks of one page: a hair before the begin is at the begin.
    this.times.set(path, Math.max(0, completeAt - this.begun));
    this.bytes.cache += sources.cache;
    this.bytes.pool += sources.pool;
    this.bytes.peer += sources.peer;
    for (const resolve of this.waiting.get(path) ?? []) resolve(bytes);
    this.waiting.delete(path);
  }
}
