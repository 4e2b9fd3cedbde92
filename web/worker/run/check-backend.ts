// What can't work is refused before ONNX Runtime is asked: some of its builds compute zeros for
// fp16 without shader-f16, and say nothing.

import type { LoadMessage } from '../../protocol/messages';
import { PoolError, errorText } from '../error';
import type { ModelFiles } from './engine';
import { scanOnnx } from './onnx-scan';

/** Throws PoolError `unsupported` or `invalid_model`. */
export function checkBackend(load: LoadMessage, files: ModelFiles, shaderF16: boolean): void {
  const models = [...files].filter(([path]) => path.endsWith('.onnx'));
  for (const [path, bytes] of models) {
    let usesFp16: boolean;
    try {
      usesFp16 = scanOnnx(bytes).usesFp16;
    } catch (thrown) {
      throw new PoolError(
        'invalid_model',
        `${path} is no ONNX model: ${errorText(thrown)}`,
        'check that the file is complete',
      );
    }
    if (load.backend === 'webgpu' && usesFp16 && !shaderF16) {
      throw new PoolError(
        'unsupported',
        `${path} computes in fp16, and this WebGPU adapter has no shader-f16`,
        'use dtype fp32, q8 or q4, or the wasm backend',
      );
    }
  }
}
