// Task "text-generation": llama.cpp (wllama) with a GGUF model of the verified files. A chunk of its
// own, imported for such a model only. llama.cpp runs in Workers of its own, so this thread hears of
// a cancel between two tokens.

import { LoggerWithoutDebug, Wllama } from '@wllama/wllama';
import type { JsonObject } from '../../protocol/frame';
import type { Tensor } from '../../protocol/tensor';
import type { Placement, TensorSpec } from '../../protocol/values';
import { PoolError, errorText } from '../error';
import { ByteBlob } from './byte-blob';
import { ChatAnswer, type ChatChunk } from './chat-answer';
import { type ChatRequest, type RawRequest, chatRequest, rawRequest } from './chat-request';
import type { Engine, EngineContext, ModelFiles, RunControl } from './engine';
import { llamaFailure, loadFailureOf } from './llama-errors';
import { inWords, knowsTools, mayCall } from './tool-calls';
import { type LlamaWorker, memoryOf, serveWorkers, wasmOf } from './llama-threads';

const kUsualContext = 4096; // tokens
/** Of a prompt at once: a cancel waits for no more than that. */
const kBatch = 16;
const kWarmTokens = 8;

/** A part as `part-00001-of-00003.gguf` sorts as it counts. */
function modelBlobs(files: ModelFiles): ByteBlob[] {
  const parts = [...files].filter(([path]) => path.endsWith('.gguf'));
  if (parts.length === 0) {
    throw new PoolError(
      'unsupported',
      'text-generation takes a GGUF model, and this one has no .gguf file',
      'run it with task "tensors"',
    );
  }
  return parts.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, bytes]) => new ByteBlob(bytes));
}

/** WebAssembly memory with 64-bit addresses; without, another build of llama.cpp runs. */
function hasWideMemory(): boolean {
  try {
    new WebAssembly.Memory({ address: 'i64', initial: 1n } as unknown as WebAssembly.MemoryDescriptor);
    return true;
  } catch {
    return false;
  }
}

function checkBrowser(backend: string): void {
  const wasm = WebAssembly as unknown as { Suspending?: unknown };
  if (backend === 'wasm') return;
  if (backend !== 'webgpu' || !wasm.Suspending) {
    throw new PoolError(
      'unsupported',
      backend === 'webgpu'
        ? 'llama.cpp on WebGPU needs JavaScript promise integration, which this browser lacks'
        : `llama.cpp does not run on ${backend}`,
      'use the wasm backend',
    );
  }
}

function noDevice(): PoolError {
  return new PoolError(
    'unsupported',
    'llama.cpp found no WebGPU adapter that it can use: it needs shader-f16',
    'use the wasm backend',
  );
}

function contextSize(options: JsonObject): number {
  const asked = options['context'];
  if (asked === undefined) return kUsualContext;
  if (typeof asked === 'number' && Number.isInteger(asked) && asked >= 1) return asked;
  throw new PoolError('invalid_argument', '"context" is a number of tokens');
}

class LlamaEngine implements Engine {
  readonly inputs: TensorSpec[] = [{ name: 'messages', datatype: 'BYTES', shape: [-1] }];
  readonly outputs: TensorSpec[] = [
    { name: 'text', datatype: 'BYTES', shape: [1] },
    { name: 'tokens', datatype: 'INT64', shape: [-1] },
  ];
  readonly cancellable = true;

  constructor(
    private readonly llama: Wllama,
    private readonly started: LlamaWorker,
    readonly placement: Placement | null,
    private readonly context: EngineContext,
  ) {}

  async warmUp(): Promise<void> {
    const { load, onWarmup } = this.context;
    if (load.options['warmup_runs'] === 0) return;
    const messages = [{ role: 'user', content: 'Hello' }];
    await this.complete({ messages, max_tokens: kWarmTokens, temperature: 0 }, () => undefined);
    onWarmup(1, 1);
  }

  async run(inputs: Tensor[], parameters: JsonObject, control: RunControl): Promise<Tensor[]> {
    const raw = rawRequest(inputs, parameters);
    if (raw) return this.runRaw(raw, control);
    const request = chatRequest(inputs, parameters);
    const template = this.llama.getChatTemplate() ?? '';
    const asked = knowsTools(template) ? request : inWords(request);
    // A call is read from the whole answer.
    const whole = asked !== request && mayCall(request);
    const answer = new ChatAnswer();
    await this.complete({ ...asked, abortSignal: control.signal }, (chunk) => {
      const news = answer.add(chunk);
      if (news && !whole) control.partial(news);
    });
    if (whole) {
      const text = answer.takeCalls();
      if (text !== '') control.partial({ text });
    }
    control.details(answer.details);
    return answer.outputs;
  }

  private async runRaw(request: RawRequest, control: RunControl): Promise<Tensor[]> {
    const answer = new ChatAnswer();
    await this.complete({ ...request, abortSignal: control.signal }, (chunk) => {
      const news = answer.add(chunk);
      if (news) control.partial(news);
    });
    control.details(answer.details);
    return answer.outputs;
  }

  async dispose(): Promise<void> {
    await this.llama.exit();
  }

  memory(): Promise<number | null> {
    const { worker, failed } = this.started;
    return Promise.race([memoryOf(worker), failed]).catch(() => null);
  }

  private async complete(
    request: ChatRequest | RawRequest,
    onData: (chunk: ChatChunk) => void,
  ): Promise<void> {
    const options = { ...request, stream: true, onData } as unknown;
    const { llama } = this;
    const call =
      'prompt' in request
        ? llama.createCompletion(options as Parameters<Wllama['createCompletion']>[0])
        : llama.createChatCompletion(options as Parameters<Wllama['createChatCompletion']>[0]);
    try {
      await Promise.race([call, this.started.failed]);
    } catch (thrown) {
      throw llamaFailure(thrown);
    }
  }
}

/** Makes the engine; the files' bytes are let go once llama.cpp has them. */
export async function loadLlama(context: EngineContext): Promise<Engine> {
  const { load, files, log } = context;
  checkBrowser(load.backend);
  const blobs = modelBlobs(files);
  const gpu = load.backend === 'webgpu';
  const complaints: string[] = [];
  let offloaded = '';
  const heard = (...words: unknown[]): void => {
    const line = words.map(String).join(' ');
    offloaded = /offloaded (\d+\/\d+) layers to GPU/.exec(line)?.[1] ?? offloaded;
  };
  const complaint = (...words: unknown[]): void => {
    const line = words.map((word) => errorText(word)).join(' ');
    complaints.push(line);
    log('warning', line);
  };
  const logger = { ...LoggerWithoutDebug, debug: heard, log: heard, warn: heard, error: complaint };
  let started: LlamaWorker | undefined;
  const broken = new Promise<never>((_, reject) => {
    serveWorkers(gpu, (worker) => {
      started = worker;
      worker.failed.catch(reject);
    });
  });
  const llama = new Wllama({ default: wasmOf('main') }, { logger, allowOffline: true });
  // Its code comes from elsewhere (llama-threads.ts), so that here stands none.
  llama.setCompat(hasWideMemory() ? null : { worker: { code: ' ' }, wasm: wasmOf('compat') });
  try {
    const loading = llama.loadModel(blobs as unknown as Blob[], {
      n_ctx: contextSize(load.options),
      n_threads: load.threads,
      n_gpu_layers: gpu ? 99_999 : 0,
      n_batch: kBatch,
      n_ubatch: kBatch,
      jinja: true,
      reasoning_format: 'none',
    });
    await Promise.race([loading, broken]);
    const { n_vocab: words, n_layer: layers } = llama.getLoadedContextInfo();
    if (!words) throw new Error('llama.cpp did not load the model');
    if (!started) throw new Error('llama.cpp started no Worker');
    if (gpu && !offloaded) throw noDevice(); // It computes on the CPU then, and says nothing.
    return new LlamaEngine(llama, started, placementOf(gpu, layers, offloaded), context);
  } catch (thrown) {
    started?.worker.terminate();
    throw loadFailureOf(thrown, complaints, gpu);
  } finally {
    for (const blob of blobs) blob.release(); // wllama keeps the objects as long as the model.
  }
}

/** llama.cpp places whole layers, and without a GPU there is but the CPU's code. */
function placementOf(gpu: boolean, layers: number, offloaded: string): Placement {
  if (!gpu) return { counted: layers, on_backend: layers, by_provider: { 'llama.cpp': layers } };
  const [there = 0, all = 0] = offloaded.split('/').map(Number);
  return { counted: all, on_backend: there, by_provider: { 'llama.cpp (WebGPU)': there } };
}
