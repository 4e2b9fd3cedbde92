// What all checks of check-browser.mjs use: a pool in miniature, a browser for each, the count of
// failures, and MiniLM with its reference vectors.
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newProfile, openBrowser } from '../browser.mjs';
import { startDevServer } from '../dev-server.mjs';

const kReference = new URL('../../../tests/vectors/reference/minilm.json', import.meta.url);
const kSentences = [
  'A man is playing a guitar.',
  'Someone plays a guitar on stage.',
  'The stock market fell sharply today.',
];

const within = (ms, promise, what) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what}: ${ms} ms passed`)), ms)),
  ]);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const read = (...path) => readFileSync(join(...path));
const errorOf = (answer) => `${answer.type} ${answer.category ?? ''} ${answer.message ?? ''}`;
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

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
  within(120_000, session.ask(loadOf(files, more)), 'load');

function referenceVectors(dtype) {
  const { sentences, dimensions, ...rows } = JSON.parse(readFileSync(kReference, 'utf8'));
  const vectors = rows[dtype].map((text) => {
    const bytes = Buffer.from(text, 'base64');
    return new Float32Array(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 4 * dimensions),
    );
  });
  return { sentences, vectors };
}

/** `count()` is the number of checks that failed. */
export async function makeBench(args) {
  const server = await startDevServer(args.dist ? { dist: args.dist } : {});
  const profile = newProfile();
  let failed = 0;

  function check(what, ok, detail = '') {
    if (!ok) failed += 1;
    console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}${detail === '' ? '' : `  (${detail})`}`);
  }

  /** Opens a page (`front`: and this one before it), hands its session to `work`, closes. */
  async function withPage(name, work, hint = '', front = null) {
    if (args.only && !name.includes(args.only)) return;
    console.log(`-- ${name}`);
    const { session, url } = server.newSession(hint);
    const lines = [];
    const urls = front ? [url, front] : url;
    const browser = await openBrowser(args.browser, urls, profile.folder, {
      onConsole: (line) => lines.push(line),
    });
    const before = failed;
    try {
      await within(30000, session.greeted, 'hello');
      await work(session, browser);
    } catch (error) {
      check(`${name}: ${error.message}`, false);
    } finally {
      await browser.close();
    }
    if (failed === before && !args.verbose) return;
    const said = session.log.map((entry) => entry.message);
    for (const line of [...lines, ...said]) console.log('    ', line.slice(0, 600));
  }

  const text = (texts) => [
    {
      name: 'text',
      datatype: 'BYTES',
      shape: [texts.length],
      data: server.protocol.encodeStrings(texts),
    },
  ];
  const embed = (session, texts = kSentences, model = 'm') =>
    session.ask({ type: 'run', model, parameters: {} }, text(texts));

  function checkEmbedding(what, answer) {
    const data = answer.outputs?.[0]?.data;
    if (!data) return check(what, false, errorOf(answer));
    const row = (i) => data.subarray(i * 384, i * 384 + 384);
    const [near, far] = [dot(row(0), row(1)), dot(row(0), row(2))];
    const ok = near > 0.6 && far < 0.2 && Math.abs(dot(row(0), row(0)) - 1) < 1e-3;
    return check(what, ok, `near ${near.toFixed(4)}, far ${far.toFixed(4)}`);
  }

  /** All reference sentences, one at a time; the lowest cosine must be at least `least`. */
  async function checkReference(session, dtype, least, model = 'm') {
    const { sentences, vectors } = referenceVectors(dtype);
    let lowest = { cosine: 2, sentence: '' };
    const times = [];
    for (const [i, sentence] of sentences.entries()) {
      const answer = await within(120000, embed(session, [sentence], model), 'run');
      const data = answer.outputs?.[0]?.data;
      if (!data) return check('reference', false, errorOf(answer));
      const expected = vectors[i];
      const norm = Math.sqrt(dot(data, data) * dot(expected, expected));
      const cosine = dot(data, expected) / norm; // NaN where all are zeros.
      if (!(cosine >= lowest.cosine)) lowest = { cosine, sentence };
      times.push(answer.timings.run_ms);
    }
    times.sort((a, b) => a - b);
    return check(
      `${sentences.length} reference sentences`,
      lowest.cosine >= least,
      `lowest cosine ${lowest.cosine.toFixed(6)}: "${lowest.sentence.slice(0, 30)}"; ` +
        `median ${times[times.length >> 1].toFixed(1)} ms, longest ${times.at(-1).toFixed(1)} ms`,
    );
  }

  const checkPlaced = (what, { placement }) =>
    check(
      what,
      placement?.counted > 0 && placement.on_backend / placement.counted >= 0.9,
      JSON.stringify(placement),
    );

  const common = ['config.json', 'tokenizer.json', 'tokenizer_config.json'].map((file) => [
    file,
    read(args.minilm, file),
  ]);
  const named = (...names) => names.map((file) => [file, read(args.minilm, file)]);
  const q4 = server.addFiles(
    Object.fromEntries([
      ...common,
      ...named('onnx/model_q4.onnx', 'onnx/model_q4.onnx_data'),
    ]),
  );
  /** One graph file with MiniLM's tokenizer. */
  const graph = (file) =>
    server.addFiles(Object.fromEntries([...common, ['onnx/model.onnx', read(file)]]));

  return {
    args,
    check,
    checkEmbedding,
    checkPlaced,
    checkReference,
    common,
    count: () => failed,
    embed,
    end: () => {
      server.close();
      profile.remove();
    },
    errorOf,
    graph,
    /** WebKit on Linux has no OPFS in a Worker: there each load fetches. */
    keepsFiles: args.browser !== 'webkit',
    kSentences,
    load,
    loadOf,
    pause,
    q4,
    read,
    server,
    within,
    withPage,
  };
}
