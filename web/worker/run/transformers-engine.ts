// Tasks by transformers.js, which gets its files from the verified set only: no request of its own
// leaves this Worker.

import * as ort from 'onnxruntime-web/webgpu';
import {
  type FeatureExtractionPipeline,
  type Tensor as TaskTensor,
  env,
  pipeline,
} from '@huggingface/transformers';
import { type Tensor, decodeStrings } from '../../protocol/tensor';
import type { Placement, TensorSpec } from '../../protocol/values';
import type { JsonObject } from '../../protocol/frame';
import { PoolError, errorText } from '../error';
import type { Engine, EngineContext, ModelFiles } from './engine';
import { runFailure } from './ort-errors';
import type { Runtime } from './runtime';
import { scanOnnx } from './onnx-scan';
import { withShape } from './onnx-shapes';
import { type GraphFile, findGraph, makeSession, sessionOptions } from './session-factory';
import { type SessionSettings, sessionSettings } from './session-settings';
import { type RunSession, TokenBuckets, checkTokenInputs, kFirstLength } from './token-buckets';

const kModelId = 'pool/model'; // Any valid name: the files are found by their path below it.
const kWarmupText = 'A sentence of about the usual length, so that the code that runs is warm.';

export class TransformersEngine implements Engine {
  readonly inputs: TensorSpec[] = [{ name: 'text', datatype: 'BYTES', shape: [-1] }];
  readonly outputs: TensorSpec[] = [{ name: 'embedding', datatype: 'FP32', shape: [-1, -1] }];

  private constructor(
    private readonly pipe: FeatureExtractionPipeline,
    readonly placement: Placement | null,
    private readonly context: EngineContext,
  ) {}

  static async load(runtime: Runtime, context: EngineContext): Promise<TransformersEngine> {
    const { load, files } = context;
    const settings = sessionSettings(load);
    const original = findGraph(files, load.task);
    let graph = original;
    if (isFixed(settings)) {
      checkTokenInputs(scanOnnx(original.bytes).inputs);
      const bytes = withShape(original.bytes, [1, kFirstLength]);
      graph = { ...original, bytes };
      files.set(graph.path, bytes);
    }
    const slash = graph.path.lastIndexOf('/');
    serveOnly(files);
    let pipe: FeatureExtractionPipeline | undefined;
    const placement = await makeSession(runtime, settings, graph, async (options) => {
      // The name is the file's own, so no suffix is added for a dtype ("fp32" has none); and the
      // published config.json may claim external data where there is none.
      pipe = await pipeline('feature-extraction', kModelId, {
        device: load.backend,
        dtype: 'fp32',
        subfolder: slash < 0 ? '' : graph.path.slice(0, slash),
        model_file_name: graph.path.slice(slash + 1, -'.onnx'.length),
        use_external_data_format: countDataFiles(graph, files),
        session_options: options as Record<string, unknown>,
      });
    });
    if (!pipe) throw new PoolError('internal', 'transformers.js made no pipeline');
    takeSession(pipe, settings, original);
    return new TransformersEngine(pipe, placement, context);
  }

  async warmUp(): Promise<void> {
    const { load, onWarmup } = this.context;
    const asked = load.options['warmup_runs'];
    const runs = typeof asked === 'number' ? asked : 1;
    for (let i = 0; i < runs; ++i) {
      const result = await this.embed([kWarmupText], {});
      const [spec] = this.outputs;
      if (spec) spec.shape = [-1, result.dims[1] ?? -1];
      onWarmup(i + 1, runs);
    }
  }

  async run(inputs: Tensor[], parameters: JsonObject): Promise<Tensor[]> {
    const [text] = inputs;
    if (!text || inputs.length > 1 || text.name !== 'text' || text.datatype !== 'BYTES') {
      throw new PoolError(
        'invalid_input',
        'text-embedding takes one BYTES tensor named "text"',
        'pass the sentences as strings',
      );
    }
    const result = await this.embed(decodeStrings(text.data), parameters);
    const float = result.type === 'float32' ? result : result.to('float32');
    return [
      {
        name: 'embedding',
        datatype: 'FP32',
        shape: [...float.dims],
        data: float.data as Float32Array,
      },
    ];
  }

  async dispose(): Promise<void> {
    await this.pipe.dispose();
  }

  private async embed(texts: string[], parameters: JsonObject): Promise<TaskTensor> {
    const pooling = parameters['pooling'] ?? 'mean';
    const normalize = parameters['normalize'] ?? true;
    if (typeof normalize !== 'boolean') {
      throw new PoolError('invalid_argument', '"normalize" must be true or false');
    }
    if (pooling !== 'mean' && pooling !== 'cls' && pooling !== 'last_token') {
      throw new PoolError(
        'invalid_argument',
        `there is no pooling ${JSON.stringify(pooling)}`,
        'use "mean", "cls" or "last_token"',
      );
    }
    try {
      return await this.pipe(texts, { pooling, normalize });
    } catch (thrown) {
      throw runFailure(errorText(thrown));
    }
  }
}

interface NamedSession {
  outputMetadata: { name: string; isTensor: boolean; shape?: readonly unknown[] }[];
  run: RunSession;
}

/**
 * Puts what the pool needs between transformers.js and its session: fixed lengths where the
 * backend wants them, and the name of the token states. transformers.js takes those by the names
 * that its own exports have. Others call them as they like: then the first output of three
 * dimensions is meant.
 */
function takeSession(
  pipe: FeatureExtractionPipeline,
  settings: SessionSettings,
  graph: GraphFile,
): void {
  const session = pipe.model.sessions['model'] as unknown as NamedSession | undefined;
  if (!session) return;
  const outputs = session.outputMetadata;
  const known = ['last_hidden_state', 'logits', 'token_embeddings'];
  const usual = outputs.find(({ name }) => known.includes(name));
  const states = usual ?? outputs.find(({ isTensor, shape }) => isTensor && shape?.length === 3);
  if (!states) {
    throw new PoolError(
      'unsupported',
      `the model has no token states among its outputs (${outputs.map(({ name }) => name)})`,
      'run it with task "tensors"',
    );
  }
  const run = session.run.bind(session);
  if (isFixed(settings)) {
    const buckets = bucketsOf(settings, graph);
    buckets.have(kFirstLength, run);
    session.run = async (feeds) => ({ last_hidden_state: await buckets.run(feeds, states.name) });
  } else if (!usual) {
    session.run = async (feeds) => {
      const results = await run(feeds);
      const found = results[states.name];
      return found ? { ...results, last_hidden_state: found } : results;
    };
  }
}

/** WebNN computes with fixed shapes only: its sessions are made for some lengths of text. */
function isFixed({ backend, freeDimensions }: SessionSettings): boolean {
  return backend === 'webnn' && !freeDimensions;
}

/** Sessions of other lengths are made of the file's bytes, which are kept for it. */
function bucketsOf(settings: SessionSettings, { bytes, externalData }: GraphFile): TokenBuckets {
  return new TokenBuckets(async (length) => {
    const session = await ort.InferenceSession.create(withShape(bytes, [1, length]), {
      ...sessionOptions(settings),
      externalData,
    });
    return (feeds) => session.run(feeds) as Promise<Record<string, ort.Tensor>>;
  });
}

/** Named as transformers.js asks for them: model.onnx_data, model.onnx_data_1, … */
function countDataFiles(graph: GraphFile, files: ModelFiles): number {
  return [...files.keys()].filter((path) => path.startsWith(`${graph.path}_data`)).length;
}

/** As much of a Response as transformers.js reads; hands the bytes over instead of copying them. */
function asResponse(bytes: Uint8Array<ArrayBuffer>): Response {
  const headers = new Headers({ 'content-length': String(bytes.length) });
  const own = async (): Promise<ArrayBuffer> => bytes.buffer;
  const text = async (): Promise<string> => new TextDecoder().decode(bytes);
  const json = async (): Promise<unknown> => JSON.parse(await text());
  return { ok: true, status: 200, headers, arrayBuffer: own, text, json } as Response;
}

function serveOnly(files: ModelFiles): void {
  const prefix = `/${kModelId}/`;
  const find = (url: string): Response | undefined => {
    const at = url.indexOf(prefix);
    const bytes = at < 0 ? undefined : files.get(url.slice(at + prefix.length).replace(/^\/+/, ''));
    return bytes && asResponse(bytes);
  };
  env.allowLocalModels = true;
  env.allowRemoteModels = false;
  env.localModelPath = '/';
  env.useBrowserCache = false;
  env.useFSCache = false;
  env.useWasmCache = false;
  env.useCustomCache = true;
  env.customCache = { match: async (url) => find(String(url)), put: async () => undefined };
  env.fetch = async (url) => find(String(url)) ?? new Response(null, { status: 404 });
}
