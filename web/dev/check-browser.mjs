// Checks the built page in a real headless Chromium, with the miniature pool of dev-server.mjs.
//
//   npm run build
//   node dev/check-browser.mjs --minilm FOLDER [--fp32 FILE.onnx] [--silero FILE.onnx] [--webgpu]
//
// FOLDER holds config.json, tokenizer.json, tokenizer_config.json, onnx/model_q4.onnx(_data).
// Prints a line for each check and ends with status 1 if one failed.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { newProfile, openBrowser } from './browser.mjs';
import { startDevServer } from './dev-server.mjs';

const { values: args } = parseArgs({
  options: {
    minilm: { type: 'string' },
    fp32: { type: 'string' },
    silero: { type: 'string' },
    webgpu: { type: 'boolean' },
    only: { type: 'string' },
  },
});
if (!args.minilm) throw new Error('--minilm FOLDER is missing');

const server = await startDevServer();
const { encodeStrings } = server.protocol;
const profile = newProfile();
let failed = 0;

function check(what, ok, detail = '') {
  if (!ok) failed += 1;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}${detail === '' ? '' : `  (${detail})`}`);
}

const within = (ms, promise, what) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what}: ${ms} ms passed`)), ms)),
  ]);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Opens a page, hands its session to `work`, closes the browser. */
async function withPage(name, work, hint = '') {
  if (args.only && !name.includes(args.only)) return;
  console.log(`-- ${name}`);
  const { session, url } = server.newSession(hint);
  const lines = [];
  const browser = openBrowser(url, profile.folder, { onConsole: (line) => lines.push(line) });
  try {
    await within(30000, session.greeted, 'hello');
    await work(session, browser);
  } catch (error) {
    check(`${name}: ${error.message}`, false);
    for (const line of [...lines, ...session.log.map((entry) => entry.message)])
      console.log('    ', line);
  } finally {
    await browser.close();
  }
}

const read = (...path) => readFileSync(join(...path));
const common = ['config.json', 'tokenizer.json', 'tokenizer_config.json'].map((file) => [
  file,
  read(args.minilm, file),
]);
const q4 = server.addFiles(
  Object.fromEntries([
    ...common,
    ...['onnx/model_q4.onnx', 'onnx/model_q4.onnx_data'].map((file) => [
      file,
      read(args.minilm, file),
    ]),
  ]),
);
const kSentences = [
  'A man is playing a guitar.',
  'Someone plays a guitar on stage.',
  'The stock market fell sharply today.',
];

const loadOf = (files, more) => ({
  type: 'load',
  model: 'm',
  name: 'model',
  root: files[0].cid,
  files,
  task: 'text-embedding',
  backend: 'wasm',
  dtype: 'q4',
  threads: 1,
  options: {},
  ...more,
});
const load = (session, files, more = {}) =>
  within(180000, session.ask(loadOf(files, more)), 'load');
const text = (texts) => [
  { name: 'text', datatype: 'BYTES', shape: [texts.length], data: encodeStrings(texts) },
];
const embed = (session, texts = kSentences, model = 'm') =>
  session.ask({ type: 'run', model, parameters: {} }, text(texts));
const errorOf = (answer) => `${answer.type} ${answer.category ?? ''} ${answer.message ?? ''}`;

function checkEmbedding(what, answer) {
  const data = answer.outputs?.[0]?.data;
  if (!data) return check(what, false, errorOf(answer));
  const row = (i) => data.subarray(i * 384, i * 384 + 384);
  const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  const [near, far] = [dot(row(0), row(1)), dot(row(0), row(2))];
  const ok = near > 0.6 && far < 0.2 && Math.abs(dot(row(0), row(0)) - 1) < 1e-3;
  return check(what, ok, `near ${near.toFixed(4)}, far ${far.toFixed(4)}`);
}

const checkPlaced = (what, { placement }) =>
  check(
    what,
    placement?.counted > 0 && placement.on_backend / placement.counted >= 0.9,
    JSON.stringify(placement),
  );

await withPage('q4 on wasm', async (session) => {
  const { capabilities } = session.hello;
  check(
    'capabilities',
    capabilities.cross_origin_isolated && capabilities.wasm.threads && capabilities.opfs,
  );
  check(
    'software adapter is called so',
    capabilities.webgpu?.software === true,
    capabilities.webgpu?.architecture,
  );
  const loaded = await load(session, q4);
  check('loaded', loaded.type === 'loaded', JSON.stringify(loaded.timings ?? errorOf(loaded)));
  checkPlaced('placement', loaded);
  checkEmbedding('embedding', await embed(session));
  check(
    'progress',
    session.progress.some(({ phase }) => phase === 'fetch'),
    `${session.progress.length} messages`,
  );
  const stats = await session.ask({ type: 'stats' });
  check(
    'stats',
    stats.models[0]?.runs === 1 && stats.memory.opfs_used > 5e7,
    JSON.stringify(stats.memory),
  );
});

await withPage('second start', async (session) => {
  if (args.only) await load(session, q4, { model: 'first' });
  server.requests.length = 0;
  const loaded = await load(session, q4);
  const asked = server.requests.filter((request) => request.includes('/ipfs/'));
  check(
    'no model byte over the network',
    asked.length === 0 && loaded.timings?.bytes_network === 0,
    JSON.stringify(loaded.timings ?? errorOf(loaded)),
  );
  checkEmbedding('embedding', await embed(session));
});

await withPage('cancel, heartbeat, queue', async (session) => {
  await load(session, q4);
  const many = new Array(400).fill(
    'A sentence that is long enough to keep the thread busy for a while.',
  );
  const slow = embed(session, many);
  const second = embed(session, ['a']);
  const third = embed(session, ['b']);
  await pause(700);
  session.send({ type: 'ping', id: 1 });
  session.send({ type: 'cancel', id: second.id });
  session.send({ type: 'cancel', id: third.id });
  while (session.pongs === 0 && session.open.has(slow.id)) await pause(10);
  check('pong while a model runs', session.open.has(slow.id));
  check(
    'a call in the inbox is dropped',
    (await within(2000, second, 'cancel')).category === 'cancelled',
  );
  check(
    'a waiting call is dropped',
    (await within(2000, third, 'cancel')).category === 'cancelled',
  );
  const other = embed(session, ['c']);
  const at = performance.now();
  session.send({ type: 'cancel', id: slow.id });
  const ended = await within(5000, slow, 'cancel of the running call');
  check(
    'a running call is cancelled',
    ended.category === 'cancelled' && ended.lost[0] === 'm',
    `${(performance.now() - at).toFixed(0)} ms`,
  );
  check('what waited with it is lost', (await other).category === 'worker_lost');
  check('the model is gone', (await embed(session)).category === 'not_found');
  check('and can be loaded again', (await load(session, q4)).type === 'loaded');
  checkEmbedding('embedding', await embed(session));
  const run = embed(session);
  const drained = session.ask({ type: 'drain' });
  await drained;
  check('drained after the last run', session.open.size === 0 && (await run).type === 'result');
  check('unloaded', (await session.ask({ type: 'unload', model: 'm' })).type === 'unloaded');
  const slowLoad = session.ask(loadOf(q4));
  await pause(30);
  session.send({ type: 'cancel', id: slowLoad.id });
  check('a load is cancelled', (await slowLoad).category === 'cancelled');
});

await withPage('a connection that breaks', async (session) => {
  await load(session, q4);
  const run = embed(session, new Array(60).fill(kSentences[0]));
  await pause(100);
  session.socket.terminate();
  const answer = await within(20000, run, 'answer after the break');
  check('the run goes on and is answered', answer.type === 'result', errorOf(answer));
  check('the page resumed its session', session.hello.resume === session.id);
  checkEmbedding('embedding', await embed(session));
});

await withPage('bad leaves', async (session) => {
  const bytes = new Uint8Array(read(args.minilm, 'onnx/model_q4.onnx_data'));
  bytes[7] ^= 1; // Another file than the one kept before.
  const files = server.addFiles({
    'onnx/model_q4.onnx': read(args.minilm, 'onnx/model_q4.onnx'),
    'onnx/model_q4.onnx_data': bytes,
  });
  const cid = files[1].cid;
  let wrong = 1;
  server.hooks.onIpfs = (request, response, asked) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (asked !== cid || from === undefined || wrong === 0) return false;
    const [start, end] = [Number(from), Number(to) + 1];
    const at = 20 * 1048576 + 5;
    if (at < start || at >= end) return false;
    wrong -= 1;
    const piece = Buffer.from(bytes.subarray(start, end));
    piece[at - start] ^= 1;
    response
      .writeHead(206, {
        'content-length': piece.length,
        'cross-origin-resource-policy': 'same-origin',
      })
      .end(piece);
    return true;
  };
  const all = [...q4.slice(0, 3), ...files];
  wrong = 2;
  const refused = await load(session, all);
  check(
    'wrong twice: refused by name',
    refused.category === 'integrity' && /^leaf bafkrei/.test(refused.message),
    errorOf(refused),
  );
  wrong = 1;
  const loaded = await load(session, all);
  check('wrong once: fetched again', loaded.type === 'loaded', errorOf(loaded));
  server.hooks.onIpfs = null;
});

await withPage('two threads', async (session) => {
  const loaded = await load(session, q4, { threads: 2 });
  check('loaded', loaded.type === 'loaded', errorOf(loaded));
  checkEmbedding('embedding', await embed(session));
});

await withPage('two Workers, one file', async (session) => {
  const graph = read(args.minilm, 'onnx/model_q4.onnx');
  const bytes = new Uint8Array(read(args.minilm, 'onnx/model_q4.onnx_data'));
  bytes[8] ^= 1;
  const files = [
    ...q4.slice(0, 3),
    ...server.addFiles({ 'onnx/model_q4.onnx': graph, 'onnx/model_q4.onnx_data': bytes }),
  ];
  const both = await Promise.all([
    load(session, files, { model: 'a' }),
    load(session, files, { model: 'b' }),
  ]);
  const network = both.reduce((sum, { timings }) => sum + (timings?.bytes_network ?? NaN), 0);
  check('fetched once', network === bytes.length, `${network} bytes`);
  const at = performance.now();
  await Promise.all(
    ['a', 'b'].flatMap((model) => [1, 2, 3].map(() => embed(session, kSentences, model))),
  );
  check('both run', true, `${((18 / (performance.now() - at)) * 1000).toFixed(1)} sentences/s`);
});

const kHalfModel = Buffer.from([
  8, 8, 58, 55, 10, 16, 10, 1, 120, 18, 1, 121, 34, 8, 73, 100, 101, 110, 116, 105, 116, 121, 18, 1,
  103, 90, 15, 10, 1, 120, 18, 10, 10, 8, 8, 10, 18, 4, 10, 2, 8, 1, 98, 15, 10, 1, 121, 18, 10, 10,
  8, 8, 10, 18, 4, 10, 2, 8, 1, 66, 2, 16, 13,
]);

{
  const bytes = new Uint8Array(read(args.minilm, 'onnx/model_q4.onnx_data'));
  bytes[9] ^= 1;
  const files = server.addFiles({
    'onnx/model_q4.onnx': read(args.minilm, 'onnx/model_q4.onnx'),
    'onnx/model_q4.onnx_data': bytes,
  });
  await withPage('killed while it loads', async (session, browser) => {
    void session.ask(loadOf([...q4.slice(0, 3), ...files]));
    const started = () => session.progress.some(({ loaded }) => loaded > bytes.length / 4);
    while (!started()) await pause(5);
    await browser.kill();
    check(
      'killed in the middle',
      session.progress.every(({ loaded }) => loaded < bytes.length),
    );
  });
  await withPage('killed while it loads: the next start', async (session) => {
    const again = await load(session, [...q4.slice(0, 3), ...files]);
    check(
      'loads',
      again.timings?.bytes_network === bytes.length,
      JSON.stringify(again.timings ?? errorOf(again)),
    );
    checkEmbedding('embedding', await embed(session));
    const third = await load(session, [...q4.slice(0, 3), ...files], { model: 'third' });
    check('and was kept', third.timings?.bytes_network === 0);
  });
}

await withPage('models that can not run', async (session) => {
  const graph = read(args.minilm, 'onnx/model_q4.onnx');
  const tensors = (name, bytes, more = {}) =>
    load(session, server.addFiles({ [name]: bytes }), { model: name, task: 'tensors', ...more });
  const cases = [
    ['cut off', graph.subarray(0, graph.length / 2), 'invalid_model'],
    ['not ONNX', Buffer.from('<!doctype html><p>not a model'), 'invalid_model'],
    ['empty', Buffer.alloc(0), 'invalid_model'],
    ['without its external data', graph, 'invalid_model'],
  ];
  for (const [what, bytes, category] of cases) {
    const answer = await tensors(`${what}.onnx`, bytes);
    check(what, answer.category === category, errorOf(answer));
  }
  const half = await tensors('half.onnx', kHalfModel, { backend: 'webgpu' });
  check('fp16 without shader-f16', half.category === 'unsupported', errorOf(half));
  const halfWasm = await tensors('half-wasm.onnx', kHalfModel);
  check('fp16 on wasm loads', halfWasm.type === 'loaded', errorOf(halfWasm));
  const bits = new Uint16Array([0x3c00]);
  const ran = await session.ask({ type: 'run', model: 'half-wasm.onnx', parameters: {} }, [
    { name: 'x', datatype: 'FP16', shape: [1], data: bits },
  ]);
  check('fp16 there and back', ran.outputs?.[0]?.data[0] === 0x3c00, errorOf(ran));
  const webnn = await load(session, q4, { model: 'n', backend: 'webnn' });
  check('webnn is not replaced', webnn.category === 'unsupported', errorOf(webnn));
  const task = await load(session, q4, { model: 't', task: 'poetry' });
  check('unknown task', task.category === 'unsupported', errorOf(task));
});

await withPage('echo', async (session) => {
  const data = new Float32Array(262144).map((_, i) => i);
  const tensor = [{ name: 'x', datatype: 'FP32', shape: [data.length], data }];
  const echo = () => session.ask({ type: 'echo' }, tensor);
  const first = await echo();
  check(
    'the bytes come back',
    Buffer.compare(
      Buffer.from(first.outputs[0].data.buffer, first.outputs[0].data.byteOffset, 4 * data.length),
      Buffer.from(data.buffer),
    ) === 0,
  );
  for (let i = 0; i < 20; ++i) await echo();
  const at = performance.now();
  for (let i = 0; i < 60; ++i) await echo();
  check(
    '1 MiB there and back',
    true,
    `${((60 / (performance.now() - at)) * 1000).toFixed(0)} MiB/s, one at a time`,
  );
});

if (args.fp32) {
  await withPage('fp32 on wasm', async (session) => {
    const files = server.addFiles(
      Object.fromEntries([...common, ['onnx/model.onnx', read(args.fp32)]]),
    );
    const loaded = await load(session, files, { dtype: 'fp32' });
    checkPlaced('placement', loaded);
    checkEmbedding('embedding', await embed(session));
  });
}

if (args.silero && existsSync(args.silero)) {
  await withPage('raw tensors', async (session) => {
    const files = server.addFiles({ 'silero_vad.onnx': read(args.silero) });
    const loaded = await load(session, files, { task: 'tensors', dtype: '' });
    check(
      'signature',
      JSON.stringify(loaded.inputs) ===
        JSON.stringify([
          { name: 'input', datatype: 'FP32', shape: [-1, -1] },
          { name: 'state', datatype: 'FP32', shape: [2, -1, 128] },
          { name: 'sr', datatype: 'INT64', shape: [] },
        ]),
      JSON.stringify(loaded.inputs ?? errorOf(loaded)),
    );
    const input = { name: 'input', datatype: 'FP32', shape: [1, 512], data: new Float32Array(512) };
    const state = {
      name: 'state',
      datatype: 'FP32',
      shape: [2, 1, 128],
      data: new Float32Array(256),
    };
    const sr = { name: 'sr', datatype: 'INT64', shape: [], data: new BigInt64Array([16000n]) };
    const run = (...inputs) => session.ask({ type: 'run', model: 'm', parameters: {} }, inputs);
    const quiet = await run(input, state, sr);
    check(
      'silence is no speech',
      quiet.outputs?.[0]?.data[0] < 0.1,
      quiet.outputs?.[0]?.data[0] ?? errorOf(quiet),
    );
    const wrong = await run(input, state, { ...sr, name: 'rate' });
    check('wrong name', wrong.category === 'invalid_input', errorOf(wrong));
    const type = await run(input, state, {
      ...sr,
      datatype: 'INT32',
      data: new Int32Array([16000]),
    });
    check('wrong type', type.category === 'invalid_input', errorOf(type));
    const shape = await run(input, { ...state, shape: [1, 2, 128] }, sr);
    check('wrong shape', shape.category === 'invalid_input', errorOf(shape));
    const at = performance.now();
    for (let i = 0; i < 200; ++i) await run(input, state, sr);
    check('runs', true, `${((performance.now() - at) / 200).toFixed(2)} ms each`);
  });
}

if (args.webgpu) {
  await withPage(
    'q4 on webgpu',
    async (session) => {
      const loaded = await load(session, q4, { backend: 'webgpu' });
      check('loaded', loaded.type === 'loaded', JSON.stringify(loaded.timings ?? errorOf(loaded)));
      checkPlaced('placement', loaded);
      checkEmbedding('embedding', await within(120000, embed(session), 'run'));
    },
    '&warm=webgpu',
  );
}

server.close();
profile.remove();
console.log(failed === 0 ? 'all checks passed' : `${failed} checks failed`);
process.exit(failed === 0 ? 0 : 1);
