// ONNX Runtime's failures as categories. Its own words stay in the message.

import { PoolError } from '../error';

const kOutOfMemory =
  /bad_alloc|out of memory|allocation failed|(?:failed to|could not) allocate|\bOOM\b/i;
const kUnsupported =
  /NOT_IMPLEMENTED|ERROR_CODE: 9\b|not supported|does not support|Unsupported model IR/i;
/** Whatever else is wrong while a session is made is wrong with the model. */
const kNoSession = /Can't create a session|protobuf|external data/;
/** Of a file that is whole, and needs what this runtime lacks. */
const kUnknownOperator = /is not a registered function|No op registered|\bopset\b/i;

/** A node can fail for reasons of its own; where it speaks of sizes, the inputs were wrong. */
const kInvalidInput =
  /ERROR_CODE: 2\b|INVALID_ARGUMENT|Got invalid dimensions|cannot be reshaped|attempting to (?:re-use buffer|broadcast an axis)|out of data bounds|while running .*(?:shape|dimension|mismatch|out of (?:bounds|range))/is;

/** Without the folders of the machine that ONNX Runtime was built on. */
function readable(text: string): string {
  return text.replace(/\S*\/(?=onnxruntime\/core\/)/g, '');
}

function outOfMemory(text: string): PoolError {
  return new PoolError(
    'out_of_memory',
    `the browser ran out of memory: ${text}`,
    'use a smaller dtype or batch, or unload other models',
  );
}

/** Why a session could not be made. */
export function loadFailure(words: string): PoolError {
  const text = readable(words);
  if (kOutOfMemory.test(text)) return outOfMemory(text);
  if (kUnsupported.test(text)) {
    return new PoolError('unsupported', text, 'try another backend or dtype');
  }
  if (kNoSession.test(text)) {
    return new PoolError(
      'invalid_model',
      text,
      kUnknownOperator.test(text)
        ? 'export the model with operators and an opset that ONNX Runtime Web has'
        : 'check the file with the exporter that made it (onnx.checker.check_model)',
    );
  }
  return new PoolError('internal', text);
}

/** A run that ONNX Runtime itself broke off, not a check of ours before or after it. */
export class RunFailure extends PoolError {}

/** Why a run failed. */
export function runFailure(text: string): RunFailure {
  const { category, message, hint } = causeOf(readable(text));
  return new RunFailure(category, message, hint);
}

function causeOf(text: string): PoolError {
  if (kOutOfMemory.test(text)) return outOfMemory(text);
  if (kInvalidInput.test(text)) {
    return new PoolError('invalid_input', text, 'check the names, types and shapes of the inputs');
  }
  if (kUnsupported.test(text)) {
    return new PoolError('unsupported', text, 'try another backend or dtype');
  }
  return new PoolError('internal', text);
}

/** The WebAssembly itself broke off: nothing can be run in its realm any more. */
export function isFatal(text: string): boolean {
  return /\bAborted\(|memory access out of bounds|\bunreachable\b|null function|indirect call/.test(
    text,
  );
}
