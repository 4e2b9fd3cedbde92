// The thread that owns the socket and never runs a model, so that heartbeats, progress and cancels
// go on while models run.

import type { SignalMessage } from '../protocol/messages';
import { Connection } from './host/connection';
import { type Runner, type RunnerFactory, WarmRunners } from './host/runner';
import { WorkerHost, usualThreads } from './host/worker-host';
import { memoryStats } from './host/memory-stats';
import { kRuns } from './patient-worker';
import { probe } from './probe/probe';
import type { Bundle, FromRunner, PageToSocket, SocketToPage } from './thread-messages';

declare const kPageVersion: string;

const toPage = (message: SocketToPage, transfer: Transferable[] = []): void =>
  self.postMessage(message, transfer);

/** Run Workers are started and ended by the page, which has the right to; talk is direct. */
class PageRunners implements RunnerFactory {
  /** Whether this browser has a storage that works. */
  keep = true;
  private nextKey = 1;
  private readonly runners = new Map<number, Runner>();

  spawn(bundle: Bundle, threads: number): Runner {
    const key = this.nextKey++;
    const { port1, port2 } = new MessageChannel();
    const runner: Runner = {
      post: (message, transfer = []) => {
        if (message.kind !== 'load') {
          port1.postMessage(message, transfer);
          return;
        }
        const files = message.load.files.map(({ path, cid, size }) => ({ path, cid, size }));
        const shares = message.load.options['sharing'] !== false;
        toPage({ kind: 'fetch', key, files, keep: this.keep, shares });
        const at = performance.timeOrigin + performance.now();
        port1.postMessage({ ...message, at }, transfer);
      },
      onMessage: () => undefined,
      onFailure: () => undefined,
      terminate: () => {
        port1.close();
        this.runners.delete(key);
        toPage({ kind: 'terminate', key });
      },
    };
    port1.onmessage = (event: MessageEvent<FromRunner>) => runner.onMessage(event.data);
    this.runners.set(key, runner);
    toPage({ kind: 'spawn', key, bundle, threads, port: port2 }, [port2]);
    return runner;
  }

  failed(key: number, message: string): void {
    this.runners.get(key)?.onFailure(message);
  }
}

const pageRunners = new PageRunners();
/** To the pool, where the page is connected. */
let say: (message: SignalMessage) => void = () => undefined;

async function start(message: Extract<PageToSocket, { kind: 'start' }>): Promise<void> {
  const { token, warm, threads, measureWebNn } = message;
  const capabilities = probe(measureWebNn);
  const runners = new WarmRunners(pageRunners);
  if (warm) runners.warm(warm, threads || usualThreads(navigator.hardwareConcurrency));
  const status = (text: string, ended = false): void => toPage({ kind: 'status', text, ended });
  let host: WorkerHost | null = null;
  const socketUrl = new URL('/worker/socket', self.location.origin);
  socketUrl.protocol = socketUrl.protocol === 'https:' ? 'wss:' : 'ws:';
  const connection = new Connection({
    url: socketUrl.href,
    token,
    pageVersion: kPageVersion,
    capabilities,
    open: (url) => new WebSocket(url),
    now: () => performance.timeOrigin + performance.now(),
    later: (work, ms) => void setTimeout(work, ms),
    events: {
      welcomed: (open) => {
        status('connected');
        host?.resume(open);
      },
      message: (message, receivedAt) => host?.onMessage(message, receivedAt),
      known: () => host?.outbox.known() ?? [],
      ended: (why) => {
        host?.end();
        status(why, true);
      },
    },
  });
  say = (message) => connection.send(message);
  connection.connect();
  const found = await capabilities;
  pageRunners.keep = found.opfs;
  host = new WorkerHost({
    link: connection,
    runners,
    capabilities: found,
    memory: memoryStats,
    status,
    onPeers: (message) => toPage({ kind: 'peers', message }),
    // WebKitGTK isolates pages and has no shared memory all the same.
    shared:
      self.crossOriginIsolated && typeof SharedArrayBuffer === 'function'
        ? (length) => new Int32Array(new SharedArrayBuffer(length * 4))
        : null,
  });
}

self.onmessage = (event: MessageEvent<PageToSocket>) => {
  const message = event.data;
  if (message.kind === 'start') void start(message);
  else if (message.kind === 'signal') say(message.message);
  else pageRunners.failed(message.key, message.message);
};

self.postMessage(kRuns);
