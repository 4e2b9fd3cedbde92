// Which engine serves which task.

import { PoolError } from '../error';
import type { Engine, EngineContext } from './engine';
import { OrtEngine } from './ort-engine';
import type { Runtime } from './runtime';
import { SpeechEngine } from './speech-engine';
import { TranscriptionEngine } from './transcription-engine';
import { TransformersEngine } from './transformers-engine';

type Loader = (runtime: Runtime, context: EngineContext) => Promise<Engine>;

const kLoaders = new Map<string, Loader>([
  ['tensors', (runtime, context) => OrtEngine.load(runtime, context)],
  ['text-embedding', (runtime, context) => TransformersEngine.load(runtime, context)],
  ['automatic-speech-recognition', (runtime, context) => TranscriptionEngine.load(runtime, context)],
  ['voice-activity-detection', (runtime, context) => SpeechEngine.load(runtime, context)],
]);

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
