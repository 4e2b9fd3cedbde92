// The thread that brings one model's files: it fetches, hashes and keeps them while ONNX Runtime
// starts in the run Worker, and goes on keeping while the session is made. Ends after the last one.

import { toReport } from '../error';
import { ProgressGate } from '../progress-gate';
import type { FromFiles, PageToFiles, WantedFile } from '../thread-messages';
import { OpfsStorage } from './opfs-storage';
import { HttpSource } from './source';
import { VerifiedCache } from './verified-cache';

const storage = OpfsStorage.open('webpool-v1'); // Open by the time it is needed.

function lock<T>(name: string, work: () => Promise<T>): Promise<T> {
  return navigator.locks ? (navigator.locks.request(name, work) as Promise<T>) : work();
}

async function bring(
  files: WantedFile[],
  keep: boolean,
  send: (message: FromFiles, transfer?: Transferable[]) => void,
): Promise<void> {
  const cache = new VerifiedCache({
    storage: keep ? await storage : null,
    source: new HttpSource(self.location.origin, (url, options) => fetch(url, options)),
    lock,
    log: (level, message) => send({ kind: 'log', level, message }),
  });
  const gate = new ProgressGate(({ loaded, total, file }) =>
    send({ kind: 'progress', loaded, total, path: file }),
  );
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const loaded = new Map<string, number>();
  const one = async ({ path, cid, size }: WantedFile): Promise<void> => {
    const { bytes, fromNetwork, fromCache } = await cache.load(cid, size, (count) => {
      loaded.set(path, count);
      const sum = [...loaded.values()].reduce((a, b) => a + b, 0);
      gate.maybe({ phase: 'fetch', loaded: sum, total, file: path });
    });
    send({ kind: 'file', path, bytes, fromNetwork, fromCache }, [bytes.buffer]);
  };
  await Promise.all(files.map(one));
  await cache.kept();
}

let port: MessagePort | null = null;

self.onmessage = async ({ data: message }: MessageEvent<PageToFiles>) => {
  if (message.kind === 'start') {
    port = message.port;
    return;
  }
  const send = (reply: FromFiles, transfer: Transferable[] = []): void =>
    port?.postMessage(reply, transfer);
  try {
    await bring(message.files, message.keep, send);
    send({ kind: 'kept' });
  } catch (thrown) {
    send({ kind: 'failed', report: toReport(thrown) });
  }
  self.close();
};
