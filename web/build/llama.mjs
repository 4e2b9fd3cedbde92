// llama.cpp for the page, out of wllama's package: its library as a chunk of its own, and the code of
// its threads as files of our origin. wllama starts those from Blobs that it puts together at run
// time, which the page's Content-Security-Policy forbids (worker-src 'self'), and rightly so.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** `text` with that one piece replaced. Throws where it is not there exactly once. */
function replaced(text, piece, by, file) {
  const parts = text.split(piece);
  if (parts.length === 2) return parts.join(by);
  throw new Error(`${file} is not as build/llama.mjs knows it: ${piece.slice(0, 60)}`);
}

/** One of the texts that wllama's generated.ts exports. */
function generated(source, name) {
  const text = readFileSync(join(source, 'workers-code/generated.ts'), 'utf8');
  const found = new RegExp(`^export const ${name} = (".*");$`, 'm').exec(text);
  if (!found) throw new Error(`wllama's generated.ts has no ${name}`);
  return JSON.parse(found[1]);
}

/** wllama's two builds: the usual one, and that for browsers without 64-bit WebAssembly memory. */
export const llamaBuilds = {
  main: '@wllama/wllama/src/wasm',
  compat: '@wllama/wllama-compat/wasm',
};

function jspiStub(source) {
  const text = readFileSync(join(source, 'worker.ts'), 'utf8');
  const found = /const JSPI_STUB = `([^`]*)`;/.exec(text);
  if (!found) throw new Error("wllama's worker.ts has no JSPI_STUB");
  return found[1];
}

/** Asked how much memory the WebAssembly has, before wllama's own listener hears of it. */
const kMemory = `
addEventListener('message', (event) => {
  if (event.data?.verb !== 'webpool.memory') return;
  event.stopImmediatePropagation();
  postMessage({ verb: 'webpool.memory', bytes: Module?.wasmMemory?.buffer.byteLength ?? null });
});
`;

/** Where no GPU is asked for, none is to be looked for. */
const kNoGpu = `
if (RUN_OPTIONS.noGpu) {
  const gpu = { requestAdapter: async () => null };
  Object.defineProperty(WorkerNavigator.prototype, 'gpu', { get: () => gpu });
}
`;

/**
 * The scripts of the Worker in which llama.cpp runs and of its further threads. The former is told
 * in its name, as JSON, what wllama writes into the Blob (RUN_OPTIONS), and the latter's address.
 */
export function llamaScripts(root, build) {
  const source = join(root, 'node_modules/@wllama/wllama/src');
  const main = generated(source, 'LLAMA_CPP_WORKER_CODE');
  const module = readFileSync(join(root, 'node_modules', llamaBuilds[build], 'wllama.js'), 'utf8');
  const stub = jspiStub(source);
  const inner = replaced(stub + module, 'var Module=', 'var ___Module=', 'wllama.js');
  const outer = replaced(main, '? argMainScriptBlob', '? RUN_OPTIONS.threadScript', 'llama-cpp.js');
  return {
    worker: [
      'const RUN_OPTIONS = JSON.parse(self.name);',
      kNoGpu,
      kMemory,
      `function wModuleInit() { ${inner}; return Module; }`,
      outer,
    ].join('\n'),
    thread: stub + module,
  };
}

/** For the bundler: wllama's library without the texts above, and without addresses of others. */
export const llamaPlugin = {
  name: 'wllama',
  setup(build) {
    const own = (filter, contents) =>
      build.onLoad({ filter }, () => ({ contents, loader: 'ts' }));
    own(
      /wllama\/src\/workers-code\/generated\.ts$/,
      `export const LIBLLAMA_VERSION = '', LLAMA_CPP_WORKER_CODE = '', WLLAMA_EMSCRIPTEN_CODE = '',
         OPFS_UTILS_WORKER_CODE = '';`,
    );
    own(
      /wllama\/src\/wasm-from-cdn\.ts$/,
      `export const WasmCompatFromCDN = { worker: '', wasm: '' };`,
    );
    own(
      /wllama\/src\/debug\.ts$/,
      `export const Debug = { decodeStackTrace: async (stack: string) => stack };`,
    );
    own(
      /wllama\/src\/huggingface\.ts$/,
      `const none = async () => { throw new Error("not in this page"); };
       export { none as getHFModelSource, none as getHFFileSHA256 };`,
    );
    build.onLoad({ filter: /wllama\/src\/utils\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const begin = text.indexOf('export const createWorker = ');
      const end = text.indexOf('\n};\n', begin);
      if (begin < 0 || end < 0) throw new Error("wllama's utils.ts has no createWorker");
      const hook = `export const createWorker = (code: string): Worker =>
        (globalThis as any)[Symbol.for('webpool.llama')](code);\n`;
      return { contents: text.slice(0, begin) + hook + text.slice(end + 4), loader: 'ts' };
    });
  },
};
