// The thread that brings one model's files: it fetches, hashes and keeps them while ONNX Runtime
// starts in the run Worker, and goes on keeping while the session is made. Ends after the last one.

import { toReport } from '../error';
import { kRuns } from '../patient-worker';
import { ProgressGate } from '../progress-gate';
import { FilePeers } from '../peers/file-peers';
import type { FilesToPage, FromFiles, PageToFiles, WantedFile } from '../thread-messages';
import { fetchOrder } from './fetch-order';
import { OpfsStorage } from './opfs-storage';
import { HttpSource } from './source';
import { VerifiedCache } from './verified-cache';

const storage = OpfsStorage.open('webpool-v1'); // Open by the time it is needed.

function lock<T>(name: string, work: () => Promise<T>): Promise<T> {
  return navigator.locks ? (navigator.locks.request(name, work) as Promise<T>) : work();
}

const toPage = (message: FilesToPage, transfer: Transferable[] = []): void =>
  self.postMessage(message, transfer);
let firstId = 0;
const peers = new FilePeers(toPage, () => firstId);

async function bring(
  { files, keep, shares }: Extract<PageToFiles, { kind: 'fetch' }>,
  send: (message: FromFiles, transfer?: Transferable[]) => void,
): Promise<void> {
  const cache = new VerifiedCache({
    storage: keep ? await storage : null,
    source: new HttpSource(self.location.origin, (url, options) => fetch(url, options)),
    lock,
    log: (level, message) => send({ kind: 'log', level, message }),
    ...(shares && {
      swarms: peers,
      onKept: (cid: string) => toPage({ kind: 'kept-file', cid }),
    }),
  });
  const gate = new ProgressGate(({ loaded, total, file }) =>
    send({ kind: 'progress', loaded, total, path: file }),
  );
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const loaded = new Map<string, number>();
  const ranks = fetchOrder(files);
  const one = async ({ path, cid, size }: WantedFile, rank: number): Promise<void> => {
    const onBytes = (count: number): void => {
      loaded.set(path, count);
      const sum = [...loaded.values()].reduce((a, b) => a + b, 0);
      gate.maybe({ phase: 'fetch', loaded: sum, total, file: path });
    };
    const { bytes, sources } = await cache.load(cid, size, onBytes, rank);
    const completeAt = performance.timeOrigin + performance.now();
    send({ kind: 'file', path, bytes, sources, completeAt }, [bytes.buffer]);
  };
  const ranked = files.map((file, i) => ({ file, rank: ranks[i] ?? 0 }));
  ranked.sort((a, b) => a.rank - b.rank);
  await Promise.all(ranked.map(({ file, rank }) => one(file, rank)));
  await cache.kept();
}

let port: MessagePort | null = null;
let onHeard: () => void;
/** The run Worker has heard the last word. */
const heard = new Promise<void>((resolve) => {
  onHeard = resolve;
});

self.onmessage = async ({ data: message }: MessageEvent<PageToFiles>) => {
  if (message.kind === 'start') {
    port = message.port;
    port.onmessage = onHeard;
    return;
  }
  if (message.kind !== 'fetch') {
    peers.onMessage(message);
    return;
  }
  firstId = message.firstId;
  for (const known of message.peers) peers.onMessage(known);
  const send = (reply: FromFiles, transfer: Transferable[] = []): void =>
    port?.postMessage(reply, transfer);
  try {
    await bring(message, send);
    send({ kind: 'kept' });
  } catch (thrown) {
    send({ kind: 'failed', report: toReport(thrown) });
  }
  toPage({ kind: 'done' });
  await heard;
  self.close();
};

self.postMessage(kRuns);
