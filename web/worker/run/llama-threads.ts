// The Workers of llama.cpp: wllama asks for one and has its code in a string; it gets the file of
// our origin with the same code instead (build/llama.mjs), which reads its options from its name.

interface LlamaFiles {
  wasm: string;
  worker: string;
  thread: string;
}

/** From the build: of both builds of llama.cpp. */
declare const kLlama: { main: LlamaFiles; compat: LlamaFiles };

const here = (file: string): URL => new URL(file, import.meta.url);

export function wasmOf(build: keyof typeof kLlama): string {
  return here(kLlama[build].wasm).href;
}

export interface LlamaWorker {
  worker: Worker;
  /** Rejects where its script could not be loaded or broke off. */
  failed: Promise<never>;
}

const kHook = Symbol.for('webpool.llama');

/** `onWorker` is told of each Worker that wllama starts from now on. */
export function serveWorkers(gpu: boolean, onWorker: (started: LlamaWorker) => void): void {
  const hooks = globalThis as unknown as Record<symbol, (code: string) => Worker>;
  hooks[kHook] = (code) => {
    const options = /^const RUN_OPTIONS = (\{.*\});+$/m.exec(code)?.[1];
    if (!options) throw new Error('wllama asks for a Worker that this page does not know');
    const asked = JSON.parse(options) as { compat: boolean };
    const files = asked.compat ? kLlama.compat : kLlama.main;
    const threadScript = here(files.thread).href;
    const name = JSON.stringify({ ...asked, noGpu: !gpu, threadScript });
    const worker = new Worker(here(files.worker), { type: 'module', name });
    const failed = new Promise<never>((_, reject) => {
      worker.addEventListener('error', (event) =>
        reject(new Error(event.message || 'the script of llama.cpp was not loaded')),
      );
    });
    failed.catch(() => undefined); // Whoever needs it awaits it.
    onWorker({ worker, failed });
    return worker;
  };
}

/** Bytes of its WebAssembly memory; null before there is one. Waits for what it computes. */
export function memoryOf(worker: Worker): Promise<number | null> {
  return new Promise((resolve) => {
    const listen = (event: MessageEvent<{ verb?: string; bytes?: number | null }>): void => {
      if (event.data?.verb !== 'webpool.memory') return;
      worker.removeEventListener('message', listen);
      resolve(event.data.bytes ?? null);
    };
    worker.addEventListener('message', listen);
    worker.postMessage({ verb: 'webpool.memory' });
  });
}
