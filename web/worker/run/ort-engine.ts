// Task "tensors": any ONNX model, by its own input and output names.

import * as ort from 'onnxruntime-web/webgpu';
import type { Tensor } from '../../protocol/tensor';
import type { Placement, TensorSpec } from '../../protocol/values';
import { PoolError, errorText } from '../error';
import { checkInputs } from './check-inputs';
import type { Engine, EngineContext } from './engine';
import { runFailure } from './ort-errors';
import { fromOrt, toOrt, toSpec } from './ort-values';
import type { Runtime } from './runtime';
import { findGraph, makeSession } from './session-factory';
import { sessionSettings } from './session-settings';

/** The model's one session, and where its nodes went. */
export async function createSession(
  runtime: Runtime,
  { load, files }: EngineContext,
): Promise<{ session: ort.InferenceSession; placement: Placement | null }> {
  const graph = findGraph(files, load.task);
  let session: ort.InferenceSession | undefined;
  const placement = await makeSession(runtime, sessionSettings(load), graph, async (options) => {
    session = await ort.InferenceSession.create(graph.bytes, {
      ...options,
      externalData: graph.externalData,
    });
  });
  if (!session) throw new PoolError('internal', 'ONNX Runtime made no session');
  return { session, placement };
}

export class OrtEngine implements Engine {
  private constructor(
    private readonly session: ort.InferenceSession,
    readonly inputs: TensorSpec[],
    readonly outputs: TensorSpec[],
    readonly placement: Placement | null,
  ) {}

  static async load(runtime: Runtime, context: EngineContext): Promise<OrtEngine> {
    const { session, placement } = await createSession(runtime, context);
    return new OrtEngine(
      session,
      session.inputMetadata.map(toSpec),
      session.outputMetadata.map(toSpec),
      placement,
    );
  }

  async warmUp(): Promise<void> {
    // Inputs that mean something are known to the caller only.
  }

  async run(inputs: Tensor[]): Promise<Tensor[]> {
    checkInputs(inputs, this.inputs);
    const feeds: Record<string, ort.Tensor> = {};
    for (const input of inputs) feeds[input.name] = toOrt(input);
    let results: ort.InferenceSession.ReturnType;
    try {
      results = await this.session.run(feeds);
    } catch (thrown) {
      throw runFailure(errorText(thrown));
    }
    return this.outputs.map(({ name }) => {
      const tensor = results[name];
      if (!tensor) throw new PoolError('internal', `ONNX Runtime returned no output "${name}"`);
      return fromOrt(name, tensor);
    });
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }
}
