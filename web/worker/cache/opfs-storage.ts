// Storage in the origin private file system, by synchronous access handles: only in a Worker.
// A handle is exclusive in the whole origin, so callers hold a lock by the file's name.

import { within } from '../deadline';
import { keptAlive } from '../keep-alive';
import type { PendingFile, Storage, StoredFile } from './storage';

/** In Chromium, Firefox and Safari, but not in TypeScript's library. */
interface MovableHandle extends FileSystemFileHandle {
  move?(directory: FileSystemDirectoryHandle, name: string): Promise<void>;
}

const kPartial = '.part';

const kPatience = 5000; // ms

function prompt<T>(work: Promise<T>): Promise<T> {
  return within(kPatience, work, () => new Error('the browser storage does not answer'));
}

async function openFolder(name: string): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return keptAlive(root, () => root.getDirectoryHandle(name, { create: true }));
}

function getFile(
  directory: FileSystemDirectoryHandle,
  name: string,
  create: boolean,
): Promise<MovableHandle> {
  return prompt(keptAlive(directory, () => directory.getFileHandle(name, { create })));
}

async function openFile(file: FileSystemFileHandle): Promise<FileSystemSyncAccessHandle> {
  const opening = keptAlive(file, () => file.createSyncAccessHandle());
  try {
    return await prompt(opening);
  } catch (thrown) {
    // Open after all, it would keep everyone else out.
    void opening.then(
      (handle) => handle.close(),
      () => undefined,
    );
    throw thrown;
  }
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof DOMException && thrown.name === 'NotFoundError';
}

export class OpfsStorage implements Storage {
  private constructor(private readonly directory: FileSystemDirectoryHandle) {}

  /** Null where this browser, or its present mode, has no OPFS for Workers. */
  static async open(folder: string): Promise<OpfsStorage | null> {
    try {
      if (typeof FileSystemFileHandle.prototype.createSyncAccessHandle !== 'function') return null;
      return new OpfsStorage(await prompt(openFolder(folder)));
    } catch {
      return null;
    }
  }

  async open(name: string): Promise<StoredFile | null> {
    let handle: FileSystemSyncAccessHandle;
    try {
      handle = await openFile(await getFile(this.directory, name, false));
    } catch (thrown) {
      if (isMissing(thrown)) return null;
      throw thrown;
    }
    return {
      size: handle.getSize(),
      read: (target, offset) => handle.read(target as Uint8Array<ArrayBuffer>, { at: offset }),
      write: (source, offset) => writeAll(handle, source, offset),
      flush: () => handle.flush(),
      close: () => handle.close(),
    };
  }

  async create(name: string): Promise<PendingFile> {
    // One fixed temporary name for each file: what a killed browser left is overwritten by the
    // next try, and the lock by name keeps a second writer away.
    const partial = name + kPartial;
    const file = await getFile(this.directory, partial, true);
    const handle = await openFile(file);
    handle.truncate(0);
    let open = true;
    const close = (): void => {
      if (open) handle.close();
      open = false;
    };
    return {
      write: (source, offset) => writeAll(handle, source, offset),
      commit: async () => {
        handle.flush();
        close();
        const { move } = file;
        if (move) await keptAlive(file, () => move.call(file, this.directory, name));
        else await this.copyInto(partial, name);
      },
      abort: async () => {
        close();
        await this.remove(partial);
      },
    };
  }

  async remove(name: string): Promise<void> {
    try {
      await keptAlive(this.directory, (directory) => directory.removeEntry(name));
    } catch (thrown) {
      if (!isMissing(thrown)) throw thrown;
    }
  }

  /** For browsers that can't move a file. A kill in between leaves a file that fails its hashes. */
  private async copyInto(from: string, to: string): Promise<void> {
    const source = await this.open(from);
    const handle = await openFile(await getFile(this.directory, to, true));
    try {
      handle.truncate(0);
      const piece = new Uint8Array(4 * 1024 * 1024);
      for (let at = 0; source && at < source.size; at += piece.length) {
        const count = source.read(piece, at);
        writeAll(handle, piece.subarray(0, count), at);
      }
      handle.flush();
    } finally {
      handle.close();
      source?.close();
    }
    await this.remove(from);
  }
}

function writeAll(handle: FileSystemSyncAccessHandle, source: Uint8Array, offset: number): void {
  const written = handle.write(source as Uint8Array<ArrayBuffer>, { at: offset });
  if (written !== source.length) {
    throw new DOMException('the file system took only a part of the bytes', 'QuotaExceededError');
  }
}
