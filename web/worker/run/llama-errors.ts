// llama.cpp's failures as categories. Its own words stay in the message.

import { PoolError, errorText } from '../error';

const kOutOfMemory =
  /bad_alloc|out of memory|allocation failed|failed to allocate|Cannot enlarge memory|\bOOM\b/i;
/** Its Worker could not be started or be handed the bytes, which says nothing of the model. */
const kNotServed = /File read failed|NotReadableError|script of llama\.cpp was not loaded/i;
const kTooLong = /exceeds? the available context size|context size (?:has been )?exceeded/i;
const kBadRequest = /template|tool|grammar|schema|parse|unsupported|must be|invalid/i;
/** The WebAssembly itself broke off. */
const kAborted = /\(ABORT\)|memory access out of bounds|\bunreachable\b|has crashed|table index/i;

function outOfMemory(text: string): PoolError {
  return new PoolError(
    'out_of_memory',
    `the browser ran out of memory: ${text}`,
    'use a smaller model or context, or unload other models',
  );
}

/** Why the model could not be loaded; `complaints` are llama.cpp's, in their order. */
export function loadFailureOf(thrown: unknown, complaints: string[], gpu: boolean): Error {
  if (thrown instanceof PoolError) return thrown;
  const first = complaints[0];
  const text = first ? `${errorText(thrown)}: ${first}` : errorText(thrown);
  if (kOutOfMemory.test(text)) return outOfMemory(text);
  if (kNotServed.test(text)) {
    return new PoolError(
      'worker_lost',
      `llama.cpp's Worker was lost while it loaded the model: ${text}`,
      'load the model again',
    );
  }
  if (gpu) {
    return new PoolError('unsupported', `llama.cpp does not run on this WebGPU: ${text}`,
      'use the wasm backend');
  }
  return new PoolError(
    'invalid_model',
    text,
    'check that the file is a complete GGUF model; `webpool models add` verifies it',
  );
}

/** Why a run ended without an answer. */
export function llamaFailure(thrown: unknown): Error {
  if (thrown instanceof PoolError) return thrown;
  const text = errorText(thrown);
  if (thrown instanceof Error && thrown.name === 'AbortError') {
    return new PoolError('cancelled', 'the call was cancelled');
  }
  if (kAborted.test(text)) {
    return new PoolError('worker_lost', `Aborted(llama.cpp): ${text}`, 'load the model again');
  }
  if (kOutOfMemory.test(text)) return outOfMemory(text);
  if (kTooLong.test(text)) {
    return new PoolError(
      'invalid_input',
      `the conversation is longer than the context: ${text}`,
      'shorten it, or load the model with a larger context',
    );
  }
  if (kBadRequest.test(text)) return new PoolError('invalid_input', text);
  return new PoolError('internal', text);
}
