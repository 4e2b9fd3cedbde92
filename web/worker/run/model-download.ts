// A model's files as the file Worker brings them, seen from the run Worker.

import type { LogLevel } from '../../protocol/messages';
import { PoolError } from '../error';
import type { FromFiles } from '../thread-messages';
import type { ModelFiles } from './engine';

export interface DownloadEvents {
  progress(loaded: number, total: number, path: string): void;
  log(level: LogLevel, message: string): void;
}

export class ModelDownload {
  /** All files, verified. Rejects with the PoolError of the one that failed. */
  readonly files: Promise<ModelFiles>;
  /** The storage has them as far as it could take them. Rejects as `files` does. */
  readonly kept: Promise<void>;
  fromNetwork = 0;
  fromCache = 0;

  /** `count`: so many files will come. */
  constructor(port: MessagePort, count: number, events: DownloadEvents) {
    const files: ModelFiles = new Map();
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
          files.set(message.path, message.bytes);
          this.fromNetwork += message.fromNetwork;
          this.fromCache += message.fromCache;
          if (files.size === count) onFiles(files);
          return;
        case 'kept':
          onFiles(files);
          onKept();
          return;
        case 'failed': {
          const { category, message: text, hint } = message.report;
          onFailure(new PoolError(category, text, hint));
        }
      }
    };
  }
}
