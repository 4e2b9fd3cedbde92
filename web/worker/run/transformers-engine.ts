// Sentence vectors by transformers.js.

import * as ort from 'onnxruntime-web/webgpu';
import type { FeatureExtractionPipeline, Tensor as TaskTensor } from '@huggingface/transformers';
import type { Tensor } from '../../protocol/tensor';
import type { Placement, TensorSpec } from '../../protocol/values';
import type { JsonObject } from '../../protocol/frame';
import { PoolError, errorText } from '../error';
import type { Engine, EngineContext, RunControl } from './engine';
import { runFailure } from './ort-errors';
import type { Runtime } from './runtime';
import { scanOnnx } from './onnx-scan';
import { withShape } from './onnx-shapes';
import { type GraphFile, findGraph, sessionOptions } from './session-factory';
import { type SessionSettings, sessionSettings } from './session-settings';
import { isFixed, loadTextModel } from './text-model';
import { readTexts } from './texts';
import { type RunSession, TokenBuckets, checkTokenInputs, kFirstLength } from './token-buckets';

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
    const { pipe, placement } = await loadTextModel(runtime, context, settings, graph);
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

  async run(inputs: Tensor[], parameters: JsonObject, control: RunControl): Promise<Tensor[]> {
    const [text] = inputs;
    if (!text || inputs.length > 1 || text.name !== 'text' || text.datatype !== 'BYTES') {
      throw new PoolError(
        'invalid_input',
        'text-embedding takes one BYTES tensor named "text"',
        'pass the sentences as strings',
      );
    }
    const texts = readTexts(text);
    const result = await this.embed(texts, parameters);
    control.details(this.tell(texts));
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

  /** How many tokens the model got of each text, without padding, and whether that was all. */
  private tell(texts: readonly string[]): JsonObject {
    const { tokenizer } = this.pipe;
    const limit = Number(tokenizer.model_max_length) || Infinity;
    const counts = texts.map((text) => tokenizer._tokenizer.encode(text).ids.length);
    const tokens = counts.map((count) => Math.min(limit, count));
    const cut = counts.map((count) => count > limit);
    return cut.includes(true) ? { tokens, cut } : { tokens };
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
