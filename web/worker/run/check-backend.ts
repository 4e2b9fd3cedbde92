// What can't work is refused before ONNX Runtime is asked: some of its builds compute zeros for
// fp16 without shader-f16, and say nothing.

import type { LoadMessage } from '../../protocol/messages';
import type { WebGpuInfo } from '../../protocol/values';
import { PoolError, errorText } from '../error';
import type { ModelFiles } from './engine';
import { type OnnxScan, type Weight, scanOnnx } from './onnx-scan';

/** Throws PoolError `unsupported` or `invalid_model`. */
export function checkBackend(load: LoadMessage, files: ModelFiles, gpu: WebGpuInfo | null): void {
  const models = [...files].filter(([path]) => path.endsWith('.onnx'));
  for (const [path, bytes] of models) {
    let scan: OnnxScan;
    try {
      scan = scanOnnx(bytes);
    } catch (thrown) {
      throw new PoolError(
        'invalid_model',
        `${path} is no ONNX model: ${errorText(thrown)}`,
        'check that the file is complete',
      );
    }
    if (load.backend !== 'webgpu') continue;
    checkWeight(path, scan.largestWeight, gpu);
    if (scan.usesFp16 && !gpu?.shader_f16) {
      throw new PoolError(
        'unsupported',
        `${path} computes in fp16, and this WebGPU adapter has no shader-f16`,
        'use dtype fp32, q8 or q4, or the wasm backend',
      );
    }
  }
}

/**
 * Each weight gets a buffer of its own. (What one binding may hold is no limit: ONNX Runtime binds
 * a larger buffer in pieces.)
 */
function checkWeight(path: string, weight: Weight | null, gpu: WebGpuInfo | null): void {
  const most = gpu?.limits.max_buffer_size ?? Infinity;
  if (!weight || weight.bytes <= most) return;
  throw new PoolError(
    'unsupported',
    `the weight "${weight.name}" of ${path} has ${weight.bytes} bytes, and this WebGPU adapter ` +
      `makes buffers of at most ${most}`,
    'use a smaller dtype, or the wasm backend',
  );
}
