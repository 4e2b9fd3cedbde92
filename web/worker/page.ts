// The page itself: takes the token from the URL, starts the Workers, ends them, shows one line.
// Nothing heavy runs here.

import { PatientWorker } from './patient-worker';
import { readKept } from './peers/kept-files';
import { PeerLinks } from './peers/peer-links';
import { Sharing } from './peers/sharing';
import type {
  Bundle,
  FilesToPage,
  PageToFiles,
  PageToRunner,
  PageToSocket,
  SocketToPage,
} from './thread-messages';

/** File names with their hashes, from the build. */
declare const kScripts: {
  socket: string;
  files: string;
  run: Record<Bundle, string>;
  wasm: Record<Bundle, string>;
};

interface Pair {
  run: PatientWorker;
  files: PatientWorker;
}
const workers = new Map<number, Pair>();
const modules = new Map<Bundle, Promise<WebAssembly.Module | null>>();

function here(file: string): URL {
  return new URL(file, import.meta.url);
}

function begin(
  file: string,
  name: string,
  onMessage: (data: unknown) => void,
  onFailure: (message: string) => void,
): PatientWorker {
  return new PatientWorker({
    make: () => new Worker(here(file), { type: 'module', name: `webpool ${name}` }),
    onMessage,
    onFailure,
    later: (work, ms) => void setTimeout(work, ms),
  });
}

/** Each build of ONNX Runtime is compiled once; its Workers share the code. */
function compiled(bundle: Bundle): Promise<WebAssembly.Module | null> {
  let module = modules.get(bundle);
  if (!module) {
    module = WebAssembly.compileStreaming(fetch(here(kScripts.wasm[bundle]))).catch(() => null);
    modules.set(bundle, module);
  }
  return module;
}

/** Files from and for other pages. WebRTC is there for pages only, not for their Workers. */
function makeSharing(send: (message: PageToSocket) => void): Sharing {
  const links = new PeerLinks({
    make: typeof RTCPeerConnection === 'function' ? () => new RTCPeerConnection() : null,
    later: (work, ms) => void setTimeout(work, ms),
    events: {
      signal: (message) => send({ kind: 'signal', message }),
      opened: (peer) => sharing.opened(peer),
      closed: (peer) => sharing.closed(peer),
      message: (peer, data) => sharing.heard(peer, data),
    },
  });
  const sharing: Sharing = new Sharing({ links, read: readKept });
  return sharing;
}

function start(token: string, warm: Bundle | null, threads: number, measureWebNn: boolean): void {
  if (warm) void compiled(warm); // Long before it is needed.
  const send = (message: PageToSocket): void => socket.post(message);
  const sharing = makeSharing(send);
  const onMessage = (message: SocketToPage): void => {
    if (message.kind === 'spawn') spawn(message, send, sharing);
    if (message.kind === 'peers') sharing.onPool(message.message);
    if (message.kind === 'fetch') {
      const { key, files, keep, shares } = message;
      const worker = workers.get(key)?.files;
      if (!worker) return;
      if (shares) sharing.workerBegan(key, (what, transfer) => worker.post(what, transfer));
      const request: PageToFiles = {
        kind: 'fetch',
        files,
        keep,
        shares,
        firstId: Sharing.firstId(key),
        peers: shares ? sharing.known(files.map(({ cid }) => cid)) : [],
      };
      worker.post(request);
    }
    if (message.kind === 'terminate') {
      sharing.workerEnded(message.key);
      const pair = workers.get(message.key);
      pair?.run.terminate();
      pair?.files.terminate();
      workers.delete(message.key);
    }
    if (message.kind === 'status') {
      show(message.text);
      if (message.ended) socket.terminate();
    }
  };
  const socket = begin(
    kScripts.socket,
    'socket',
    (data) => onMessage(data as SocketToPage),
    (message) => show(`the socket Worker failed: ${message}`),
  );
  send({ kind: 'start', token, warm, threads, measureWebNn });
}

function spawn(
  { key, bundle, threads, port }: Extract<SocketToPage, { kind: 'spawn' }>,
  send: (message: PageToSocket) => void,
  sharing: Sharing,
): void {
  const onFailure = (message: string): void => send({ kind: 'worker-failed', key, message });
  const onFiles = (data: unknown): void => sharing.fromWorker(key, data as FilesToPage);
  const files = begin(kScripts.files, `files ${key}`, onFiles, onFailure);
  const run = begin(kScripts.run[bundle], `${bundle} ${key}`, () => undefined, onFailure);
  workers.set(key, { run, files });
  const { port1, port2 } = new MessageChannel();
  const toFiles: PageToFiles = { kind: 'start', port: port1 };
  files.post(toFiles, [port1]);
  const post = (message: PageToRunner, transfer: Transferable[] = []): void =>
    run.post(message, transfer);
  post({ kind: 'start', port, files: port2, threads }, [port, port2]);
  void compiled(bundle).then((module) => post({ kind: 'module', module }));
}

function show(text: string): void {
  const line = document.getElementById('status');
  if (line) line.textContent = text;
}

/**
 * "#token=HEX" and, as hints what to prepare, "&warm=wasm|webgpu|webnn|none" and "&threads=N";
 * "&measure=webnn" asks the probe to time WebNN's contexts.
 */
function main(): void {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const token = parameters.get('token') ?? '';
  history.replaceState(null, '', location.pathname);
  if (!token) {
    const what = document.getElementById('what');
    if (what) what.textContent = 'This page computes nothing: webpool itself must open it.';
    show('The address that webpool opens holds a key that works once.');
    return;
  }
  if (!crossOriginIsolated) show('not cross-origin isolated: one thread, no shared memory');
  const warm = parameters.get('warm') ?? 'wasm';
  const threads = Math.max(0, Number(parameters.get('threads')) || 0);
  const bundles: Record<string, Bundle> = { wasm: 'wasm', webgpu: 'webgpu', webnn: 'webgpu' };
  start(token, bundles[warm] ?? null, threads, parameters.get('measure') === 'webnn');
}

main();
