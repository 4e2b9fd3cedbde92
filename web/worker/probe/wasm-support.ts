// SIMD, relaxed SIMD and threads of WebAssembly, by compiling modules that use them.

import type { Capabilities } from '../../protocol/values';

// (func (result v128) i32.const 0 i8x16.splat)
const kSimd = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15,
  11,
];
// (memory 1 1 shared) (func i32.const 0 i32.atomic.load drop)
const kThreads = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65,
  0, 254, 16, 2, 0, 26, 11,
];
// (func (result v128) i32.const 0 i8x16.splat i32.const 0 i8x16.splat i8x16.relaxed_swizzle)
const kRelaxedSimd = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 0, 253, 15,
  65, 0, 253, 15, 253, 128, 2, 11,
];

function instantiates(code: number[]): boolean {
  try {
    new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(code)));
    return true;
  } catch {
    return false;
  }
}

/** Threads need shared memory, which only a cross-origin isolated page has. */
export function wasmSupport(isolated: boolean): Capabilities['wasm'] {
  const shared = isolated && typeof SharedArrayBuffer === 'function';
  return {
    simd: instantiates(kSimd),
    threads: shared && instantiates(kThreads),
    relaxed_simd: instantiates(kRelaxedSimd),
  };
}
