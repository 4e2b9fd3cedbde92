// Makes ONNX Runtime sessions: in one way for raw tensors and for transformers.js, so that node
// placement is read and failures get their category in one place.

import * as ort from 'onnxruntime-web/webgpu';
import type { BackendName, Placement } from '../../protocol/values';
import { PoolError, errorText } from '../error';
import type { ModelFiles } from './engine';
import { scanOnnx } from './onnx-scan';
import { loadFailure } from './ort-errors';
import { readPlacement } from './placement';
import type { Runtime } from './runtime';
import type { SessionSettings } from './session-settings';

export type SessionOptions = ort.InferenceSession.SessionOptions;

export interface GraphFile {
  path: string;
  bytes: Uint8Array;
  /** Every other file, under its path as seen from the graph: there it looks for its weights. */
  externalData: { path: string; data: Uint8Array }[];
}

const kProvider: Record<BackendName, string> = {
  wasm: 'CPUExecutionProvider',
  webgpu: 'WebGpuExecutionProvider',
  webnn: 'WebNNExecutionProvider',
};
const kVerbose = 0;
const kErrors = 3; // Warnings came with the first session's log.

/** The one graph of the model. Throws PoolError `invalid_model` where there is not exactly one. */
export function findGraph(files: ModelFiles, task: string): GraphFile {
  const graphs = [...files].filter(([path]) => path.endsWith('.onnx'));
  const [only] = graphs;
  if (!only || graphs.length > 1) {
    throw new PoolError(
      'invalid_model',
      `task "${task}" needs one .onnx file, and the load lists ${graphs.length}`,
    );
  }
  return graphFile(files, ...only);
}

/**
 * The path of the graph of that name in a model of several: "encoder_model" is
 * onnx/encoder_model.onnx, or with a dtype, encoder_model_quantized.onnx. Throws PoolError
 * `invalid_model`.
 */
export function componentPath(paths: readonly string[], name: string, task: string): string {
  const graphs = paths.filter((path) => path.endsWith('.onnx'));
  const isIt = (path: string): boolean =>
    componentName(path) === name || new RegExp(`^${name}_[a-z0-9]+$`).test(componentName(path));
  const found = graphs.find(isIt);
  if (found) return found;
  throw new PoolError(
    'invalid_model',
    `task "${task}" needs a graph ${name}, and there are ${graphs.map(componentName)}`,
  );
}

/** A graph's file name without its ending. */
export function componentName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1, path.lastIndexOf('.'));
}

/** `files`: those in which its weights may lie. */
export function graphFile(files: ModelFiles, path: string, bytes: Uint8Array): GraphFile {
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const externalData = [...files]
    .filter(([other]) => other !== path && other.startsWith(folder))
    .map(([other, data]) => ({ path: other.slice(folder.length), data }));
  return { path, bytes, externalData };
}

/** Silent but for errors, unless the log is wanted. */
export function sessionOptions(
  how: SessionSettings,
  logSeverityLevel: 0 | 3 = kErrors,
): SessionOptions {
  const { backend, deviceType, freeDimensions } = how;
  return {
    executionProviders: [backend === 'webnn' ? { name: 'webnn', deviceType } : backend],
    graphOptimizationLevel: 'all',
    logSeverityLevel,
    // Given for WebNN even if empty: else transformers.js complains in each load.
    ...((freeDimensions ?? backend === 'webnn') && { freeDimensionOverrides: freeDimensions ?? {} }),
  };
}

/**
 * Makes the session by `create` and reads where its nodes went.
 *
 * The level of a session's log can't be changed afterwards. In the WASM build a verbose session
 * says nothing while it runs; the WebGPU provider writes a line for every GPU program, which costs
 * time in each run. So there a session is made for the log first, and thrown away.
 */
export async function makeSession(
  runtime: Runtime,
  how: SessionSettings,
  graph: GraphFile,
  create: (options: SessionOptions) => Promise<void>,
): Promise<Placement | null> {
  const { operators } = scanOnnx(graph.bytes);
  const { backend } = how;
  try {
    if (backend === 'wasm') {
      const { lines } = await runtime.capture(() => create(sessionOptions(how, kVerbose)));
      return readPlacement(lines, kProvider[backend], operators);
    }
    const { lines } = await runtime.capture(async () => {
      const session = await ort.InferenceSession.create(graph.bytes, {
        ...sessionOptions(how, kVerbose),
        externalData: graph.externalData,
      });
      await session.release();
    });
    await create(sessionOptions(how));
    return readPlacement(lines, kProvider[backend], operators);
  } catch (thrown) {
    if (thrown instanceof PoolError) throw thrown;
    throw loadFailure(errorText(thrown));
  }
}
