// A pool in miniature for working on the page alone: serves dist/ with the headers that webpool
// sends, serves files by CID, and speaks the protocol with one page. Nothing of it is shipped.
//
//   npm run build && npm run dev -- [folder of a model] [--port N]
//
// prints the URL to open; with a folder it loads that model's text-embedding and embeds a sentence.
// dev/check-browser.mjs drives it with a headless Chromium.
import { build } from 'esbuild';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { WebSocketServer } from 'ws';
import { importFile } from './unixfs.mjs';

const web = join(dirname(fileURLToPath(import.meta.url)), '..');
const kTypes = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** web/protocol, compiled for Node. */
export async function loadProtocol() {
  const result = await build({
    entryPoints: [join(web, 'protocol/index.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  });
  return import(
    `data:text/javascript;base64,${Buffer.from(result.outputFiles[0].text).toString('base64')}`
  );
}

/** The headers that make the page cross-origin isolated and keep it from asking anyone else. */
const kHeaders = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

function policy(port) {
  const own = `ws://127.0.0.1:${port}`;
  return (
    `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; ` +
    `connect-src 'self' ${own}; style-src 'self'; img-src 'self' data:; base-uri 'none'; ` +
    `form-action 'none'; frame-ancestors 'none'`
  );
}

/** One page's session: promises for what was asked, and everything else in `log`. */
class Session {
  constructor(protocol, server) {
    this.protocol = protocol;
    this.server = server;
    this.id = randomBytes(8).toString('hex');
    this.nextId = 1;
    this.open = new Map();
    this.log = [];
    this.progress = [];
    this.pongs = 0;
    this.greeted = new Promise((resolve) => (this.greet = resolve));
  }

  send(header, tensors = []) {
    const lists =
      tensors.length || header.type === 'run' || header.type === 'echo' ? { inputs: tensors } : {};
    this.socket?.send(this.protocol.encodeFrame(header, lists));
  }

  /** Sends a request and resolves with its answer's header and outputs. */
  ask(header, tensors = []) {
    const id = this.nextId++;
    const answer = new Promise((resolve) => this.open.set(id, resolve));
    this.send({ id, ...header }, tensors);
    return Object.assign(answer, { id });
  }

  receive(data) {
    const frame = this.protocol.decodeFrame(new Uint8Array(data));
    const { header } = frame;
    if (header.type === 'progress') this.progress.push(header);
    else if (header.type === 'pong') this.pongs += 1;
    else if (header.type === 'log' || header.id === 0) this.log.push(header);
    else {
      this.open.get(header.id)?.({
        ...header,
        outputs: frame.outputs.length ? frame.outputs : header.outputs,
      });
      this.open.delete(header.id);
    }
  }
}

export async function startDevServer({
  port = 0,
  dist = join(web, 'dist'),
  onLog = () => {},
} = {}) {
  const protocol = await loadProtocol();
  const files = new Map(); // CID -> whole file
  const blocks = new Map(); // CID -> block
  const requests = [];
  const tokens = new Map();
  const hooks = { onIpfs: null };

  const http = createServer((request, response) => {
    const url = new URL(request.url, 'http://127.0.0.1');
    requests.push(`${request.method} ${url.pathname}${url.search}`);
    if (url.pathname.startsWith('/ipfs/')) return serveIpfs(url, request, response);
    let path = normalize(url.pathname);
    if (path.endsWith('/')) path += 'index.html';
    const file = join(dist, path);
    if (!file.startsWith(dist) || !existsSync(file)) {
      response.writeHead(404, kHeaders).end('not found');
      return undefined;
    }
    const fixed = path.startsWith('/worker/assets/');
    response.writeHead(200, {
      ...kHeaders,
      'content-security-policy': policy(http.address().port),
      'content-type': kTypes[extname(file)] ?? 'text/plain',
      'cache-control': fixed ? 'public, max-age=31536000, immutable' : 'no-store',
    });
    response.end(readFileSync(file));
    return undefined;
  });

  function serveIpfs(url, request, response) {
    const cid = url.pathname.slice('/ipfs/'.length);
    if (hooks.onIpfs?.(request, response, cid)) return;
    const raw = url.searchParams.get('format') === 'raw';
    const bytes = raw ? blocks.get(cid) : files.get(cid);
    if (!bytes) {
      response.writeHead(404, kHeaders).end('not found');
      return;
    }
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const [from, to] = range ? [Number(range[1]), Number(range[2]) + 1] : [0, bytes.length];
    response.writeHead(range ? 206 : 200, {
      ...kHeaders,
      'content-type': raw ? 'application/vnd.ipld.raw' : 'application/octet-stream',
      'content-length': to - from,
      ...(range ? { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` } : {}),
      'cache-control': 'public, max-age=29030400, immutable',
    });
    response.end(bytes.subarray(from, to));
  }

  const sockets = new WebSocketServer({
    server: http,
    path: '/worker/socket',
    maxPayload: 2 ** 30,
    perMessageDeflate: false,
  });
  sockets.on('connection', (socket) => {
    let session = null;
    socket.on('message', (data, isBinary) => {
      if (!isBinary) return socket.close(4400, 'bad_message: text');
      if (session) return session.receive(data);
      const { header } = protocol.decodeFrame(new Uint8Array(data));
      session = tokens.get(header.token);
      if (!session) return socket.close(4401, 'wrong token');
      onLog('hello', header);
      session.socket = socket;
      session.hello = header;
      session.send({
        type: 'welcome',
        protocol: 1,
        session: session.id,
        heartbeat_ms: 5000,
        grace_ms: 20000,
        max_frame_size: 2 ** 30,
        open: [...session.open.keys()],
      });
      session.greet(header);
      return undefined;
    });
    socket.on('close', (code, reason) => onLog('closed', `${code} ${reason}`));
  });

  await new Promise((resolve) => http.listen(port, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${http.address().port}`;
  return {
    origin,
    protocol,
    files,
    blocks,
    requests,
    hooks,
    /** A new session and the URL that opens it. */
    newSession(extra = '') {
      const session = new Session(protocol, http);
      const token = randomBytes(16).toString('hex');
      tokens.set(token, session);
      return { session, url: `${origin}/worker/#token=${token}${extra}` };
    },
    /** Takes files in ({path: bytes}) and returns them as `load.files`. */
    addFiles(named) {
      return Object.entries(named).map(([path, bytes]) => {
        const { cid } = importFile(bytes, blocks);
        files.set(cid, bytes);
        return { path, cid, size: bytes.length };
      });
    },
    close() {
      for (const socket of sockets.clients) socket.terminate();
      http.closeAllConnections();
      http.close();
    },
  };
}

async function main(args) {
  const at = args.indexOf('--port');
  const port = at < 0 ? 0 : Number(args.splice(at, 2)[1]);
  const server = await startDevServer({ port, onLog: (...what) => console.log(...what) });
  const { session, url } = server.newSession();
  console.log(`open ${url}`);
  const [folder] = args;
  if (!folder) return;
  const names = [
    'config.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'onnx/model_q4.onnx',
    'onnx/model_q4.onnx_data',
  ];
  const found = names.filter((name) => existsSync(join(folder, name)));
  const files = server.addFiles(
    Object.fromEntries(found.map((name) => [name, readFileSync(join(folder, name))])),
  );
  await session.greeted;
  const load = await session.ask({
    type: 'load',
    model: 'm1',
    name: folder,
    root: files[0].cid,
    files,
    task: 'text-embedding',
    backend: 'wasm',
    dtype: 'q4',
    threads: 1,
    options: {},
  });
  console.dir(load, { depth: 5 });
  const data = server.protocol.encodeStrings(['a sentence']);
  const result = await session.ask({ type: 'run', model: 'm1', parameters: {} }, [
    { name: 'text', datatype: 'BYTES', shape: [1], data },
  ]);
  console.dir(result, { depth: 3 });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  await main(process.argv.slice(2));
