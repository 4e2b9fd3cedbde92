// Builds dist/: everything the page loads, under the paths at which webpool serves it. Files under
// worker/assets/ have their hash (or ONNX Runtime's version) in the path and never change.
//
//   node build/build.mjs [--out FOLDER]
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compressBeside } from './compress.mjs';
import { llamaBuilds, llamaPlugin, llamaScripts } from './llama.mjs';
import { withoutEval } from './no-eval.mjs';
import { writeNotices } from './notices.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values: args } = parseArgs({ options: { out: { type: 'string' } } });
const dist = resolve(args.out ?? join(root, 'dist'));
const assets = join(dist, 'worker/assets');
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
const ortVersion = JSON.parse(
  readFileSync(join(root, 'node_modules/onnxruntime-web/package.json'), 'utf8'),
).version;
const ortDist = join(root, 'node_modules/onnxruntime-web/dist');

/** The two builds of ONNX Runtime: plain WASM, and the native WebGPU provider with WebNN. */
const bundles = {
  wasm: { api: 'ort.wasm.min.mjs', module: 'ort-wasm-simd-threaded' },
  webgpu: { api: 'ort.webgpu.min.mjs', module: 'ort-wasm-simd-threaded.asyncify' },
};

function hashed(name, ending, text) {
  const file = `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 10)}${ending}`;
  writeFileSync(join(assets, file), text);
  return file;
}

async function script(name, entry, define, alias = {}, plugins = []) {
  const result = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    minify: true,
    write: false,
    legalComments: 'none',
    logLevel: 'warning',
    define: Object.fromEntries(Object.entries(define).map(([k, v]) => [k, JSON.stringify(v)])),
    alias,
    plugins,
  });
  return hashed(name, '.js', result.outputFiles[0].text);
}

rmSync(dist, { recursive: true, force: true });
const ort = `ort-${ortVersion}`;
mkdirSync(join(assets, ort), { recursive: true });

/** llama.cpp: the engine's chunk, which a run Worker imports for a model of its own kind only. */
async function llamaChunk() {
  const wllama = join(root, 'node_modules/@wllama/wllama');
  const folder = `wllama-${JSON.parse(readFileSync(join(wllama, 'package.json'), 'utf8')).version}`;
  mkdirSync(join(assets, folder), { recursive: true });
  const kLlama = {};
  for (const [name, from] of Object.entries(llamaBuilds)) {
    const wasm = `${folder}/wllama-${name}.wasm`;
    copyFileSync(join(root, 'node_modules', from, 'wllama.wasm'), join(assets, wasm));
    const { worker, thread } = llamaScripts(root, name);
    kLlama[name] = {
      wasm: `./${wasm}`,
      worker: `./${hashed(`llama-worker-${name}`, '.js', worker)}`,
      thread: `./${hashed(`llama-thread-${name}`, '.js', thread)}`,
    };
  }
  const alias = { '@wllama/wllama': join(wllama, 'src/index.ts') };
  return script('llama', 'worker/run/llama-engine.ts', { kLlama }, alias, [llamaPlugin]);
}

const scripts = { socket: '', files: '', run: {}, wasm: {} };
const llama = await llamaChunk();
const loader = readFileSync(join(root, 'worker/run/ort-loader.mjs'), 'utf8');
for (const [bundle, { api, module }] of Object.entries(bundles)) {
  copyFileSync(join(ortDist, `${module}.wasm`), join(assets, ort, `${module}.wasm`));
  const moduleText = readFileSync(join(ortDist, `${module}.mjs`), 'utf8');
  writeFileSync(join(assets, ort, `${module}.mjs`), withoutEval(moduleText, module));
  const loaderText = loader.replace('ORT_MODULE', `${ort}/${module}`);
  const loaderFile = hashed(`loader-${bundle}`, '.mjs', loaderText);
  scripts.wasm[bundle] = `./${ort}/${module}.wasm`;
  const define = {
    kBundle: bundle,
    kOrtLoader: `./${loaderFile}`,
    kOrtWasm: scripts.wasm[bundle],
    kLlamaEngine: `./${llama}`,
  };
  // One instance for this project and transformers.js, whichever name each imports.
  const alias = { 'onnxruntime-web/webgpu': join(ortDist, api) };
  scripts.run[bundle] =
    `./${await script(`run-${bundle}`, 'worker/run/run-worker.ts', define, alias)}`;
}
scripts.socket = `./${await script('socket', 'worker/socket-worker.ts', { kPageVersion: version })}`;
scripts.files = `./${await script('files', 'worker/cache/file-worker.ts', {})}`;
const page = await script('page', 'worker/page.ts', { kScripts: scripts });
const style = hashed('page', '.css', readFileSync(join(root, 'worker/page.css'), 'utf8'));
const html = readFileSync(join(root, 'worker/index.html'), 'utf8')
  .replace('PAGE_SCRIPT', `./assets/${page}`)
  .replace('PAGE_STYLE', `./assets/${style}`);
writeFileSync(join(dist, 'worker/index.html'), html);

// The consent page of joined devices; its files lie with the other hashed ones.
mkdirSync(join(dist, 'join'), { recursive: true });
const joinScript = await script('join', 'join/join.ts', {});
const joinStyle = hashed('join', '.css', readFileSync(join(root, 'join/join.css'), 'utf8'));
const joinHtml = readFileSync(join(root, 'join/index.html'), 'utf8')
  .replace('PAGE_SCRIPT', `../worker/assets/${joinScript}`)
  .replace('PAGE_STYLE', `../worker/assets/${joinStyle}`);
writeFileSync(join(dist, 'join/index.html'), joinHtml);
writeNotices(root, join(dist, 'THIRD-PARTY-NOTICES.txt'));
await compressBeside(assets);
