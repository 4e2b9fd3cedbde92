// What a GPU device reports beside the calls that caused it. ONNX Runtime goes on and computes
// nonsense, so either ends the model's Worker.

import { PoolError } from '../error';

const kHint = 'load the model again, on another backend if that does not help';

export function deviceLost({ reason, message }: GPUDeviceLostInfo): PoolError {
  return new PoolError('device_lost', `the GPU device was lost (${reason}): ${message}`, kHint);
}

/** An error that nobody waited for: a buffer that could not be made, a binding that is too large. */
export function gpuFailure(error: GPUError): PoolError {
  const kind = error.constructor.name;
  const memory = kind === 'GPUOutOfMemoryError';
  const text = `the GPU refused what ONNX Runtime asked for (${kind}): ${error.message}`;
  return new PoolError(memory ? 'out_of_memory' : 'unsupported', text, kHint);
}
