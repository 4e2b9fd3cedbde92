// Which engine serves which task.

import { PoolError } from '../error';
import type { Engine, EngineContext } from './engine';
import { OrtEngine } from './ort-engine';
import type { Runtime } from './runtime';
import { SpeechEngine } from './speech-engine';
import { TextHeadEngine } from './text-head-engine';
import { TranscriptionEngine } from './transcription-engine';
import { TransformersEngine } from './transformers-engine';

declare const kLlamaEngine: string;

type Loader = (runtime: Runtime, context: EngineContext) => Promise<Engine>;

/** llama.cpp is a chunk of its own: no other model shall wait for it. */
async function loadLlama(_: Runtime, context: EngineContext): Promise<Engine> {
  const chunk = (await import(new URL(kLlamaEngine, import.meta.url).href)) as {
    loadLlama: (context: EngineContext) => Promise<Engine>;
  };
  return chunk.loadLlama(context);
}

const kLoaders = new Map<string, Loader>([
  ['tensors', (runtime, context) => OrtEngine.load(runtime, context)],
  ['text-embedding', (runtime, context) => TransformersEngine.load(runtime, context)],
  ['text-classification', (runtime, context) => TextHeadEngine.load(runtime, context)],
  ['token-classification', (runtime, context) => TextHeadEngine.load(runtime, context)],
  ['fill-mask', (runtime, context) => TextHeadEngine.load(runtime, context)],
  ['feature-extraction', (runtime, context) => TextHeadEngine.load(runtime, context)],
  ['text-projection', (runtime, context) => TextHeadEngine.load(runtime, context)],
  ['automatic-speech-recognition', (runtime, context) => TranscriptionEngine.load(runtime, context)],
  ['text-generation', loadLlama],
  ['voice-activity-detection', (runtime, context) => SpeechEngine.load(runtime, context)],
]);

/** Whose engines make a session of each graph when it is complete, and don't wait for all files. */
const kByComponents = new Set(['automatic-speech-recognition']);

export function takesComponents(task: string): boolean {
  return kByComponents.has(task);
}

/** Throws PoolError `unsupported` for a task that this page does not know. */
export function loaderOf(task: string): Loader {
  const loader = kLoaders.get(task);
  if (loader) return loader;
  throw new PoolError(
    'unsupported',
    `this page does not know the task "${task}"`,
    `tasks: ${[...kLoaders.keys()].join(', ')}`,
  );
}
