// A text model with its tokenizer, loaded by transformers.js, which gets its files from the verified
// set only: no request of its own leaves this Worker.

import { type FeatureExtractionPipeline, env, pipeline } from '@huggingface/transformers';
import type { Placement } from '../../protocol/values';
import { PoolError } from '../error';
import type { EngineContext, ModelFiles } from './engine';
import type { Runtime } from './runtime';
import { type GraphFile, makeSession } from './session-factory';
import type { SessionSettings } from './session-settings';

const kModelId = 'pool/model'; // Any valid name: the files are found by their path below it.

export interface TextModel {
  /** Its `model` gives whatever outputs the graph has, by name; its `tokenizer` is the model's. */
  pipe: FeatureExtractionPipeline;
  placement: Placement | null;
}

/** `graph` may differ from the file that it is named after: its bytes are what is loaded. */
export async function loadTextModel(
  runtime: Runtime,
  { files }: EngineContext,
  settings: SessionSettings,
  graph: GraphFile,
): Promise<TextModel> {
  const slash = graph.path.lastIndexOf('/');
  serveOnly(files);
  let pipe: FeatureExtractionPipeline | undefined;
  const placement = await makeSession(runtime, settings, graph, async (options) => {
    // The name is the file's own, so no suffix is added for a dtype ("fp32" has none); and the
    // published config.json may claim external data where there is none.
    pipe = await pipeline('feature-extraction', kModelId, {
      device: settings.backend,
      dtype: 'fp32',
      subfolder: slash < 0 ? '' : graph.path.slice(0, slash),
      model_file_name: graph.path.slice(slash + 1, -'.onnx'.length),
      use_external_data_format: countDataFiles(graph, files),
      session_options: options as Record<string, unknown>,
    });
  });
  if (!pipe) throw new PoolError('internal', 'transformers.js made no pipeline');
  return { pipe, placement };
}

/** WebNN computes with fixed shapes only. */
export function isFixed({ backend, freeDimensions }: SessionSettings): boolean {
  return backend === 'webnn' && !freeDimensions;
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
