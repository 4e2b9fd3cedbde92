import { describe, expect, it } from 'vitest';
import { isFatal, loadFailure, runFailure } from './ort-errors';

describe('loadFailure', () => {
  it.each([
    [
      "Can't create a session. ERROR_CODE: 7, ERROR_MESSAGE: Failed to load model because protobuf parsing failed.",
      'invalid_model',
    ],
    [
      "Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: Type Error: Type parameter (T) bound to different types",
      'invalid_model',
    ],
    ["Can't create a session. failed to allocate a buffer of size 3000000000.", 'out_of_memory'],
    ["Can't create a session. ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc", 'out_of_memory'],
    [
      "Can't create a session. ERROR_CODE: 9, ERROR_MESSAGE: Could not find an implementation for X(1)",
      'unsupported',
    ],
    [
      'no available backend found. ERR: [webgpu] Error: WebGPU is not supported in current environment',
      'unsupported',
    ],
    ['no room for zooming', 'internal'],
    [
      "Can't create a session. ERROR_CODE: 1, ERROR_MESSAGE: Unsupported model IR version: 99",
      'unsupported',
    ],
    ['something else', 'internal'],
  ])('%s', (text, category) => {
    const failure = loadFailure(text);
    expect(failure.category).toBe(category);
    expect(failure.message).toContain(text);
  });

  it('tells what is broken from what the runtime lacks', () => {
    const hint = (words: string) => loadFailure(`Can't create a session. ${words}`).hint;
    expect(hint('protobuf parsing failed.')).toContain('check the file');
    expect(hint('Fatal error: com.x:Bad(-1) is not a registered function/op')).toContain('opset');
    expect(hint('Opset 99 is under development')).toContain('export the model');
  });
});

describe('runFailure', () => {
  it.each([
    [
      'failed to call OrtRun(). ERROR_CODE: 2, ERROR_MESSAGE: Got invalid dimensions for input: x',
      'invalid_input',
    ],
    ['failed to call OrtRun(). ERROR_CODE: 6, ERROR_MESSAGE: std::bad_alloc', 'out_of_memory'],
    ['RangeError: Array buffer allocation failed', 'out_of_memory'],
    ['failed to call OrtRun(). ERROR_CODE: 1, ERROR_MESSAGE: Non-zero status code', 'internal'],
    [
      'ERROR_CODE: 1, ERROR_MESSAGE: Non-zero status code returned while running Conv node. ' +
        'Invalid input shape: {0}',
      'invalid_input',
    ],
    [
      'Failed to run. [ONNXRuntimeError] : 1 : FAIL : Shape mismatch attempting to re-use buffer. ' +
        '{1,96,3,3} != {1,96,4,4}. Validate usage of dim_value',
      'invalid_input',
    ],
    [
      'ERROR_CODE: 1, ERROR_MESSAGE: onnxruntime/core/providers/cpu/math/element_wise_ops.h:583 ' +
        'axis == 1 || axis == largest was false. Attempting to broadcast an axis by a dimension ' +
        'other than 1. 512 by 600',
      'invalid_input',
    ],
    [
      'ERROR_CODE: 1, ERROR_MESSAGE: Non-zero status code returned while running Gather node. ' +
        'Status Message: indices element out of data bounds, idx=600 must be within the inclusive ' +
        'range [-512,511]',
      'invalid_input',
    ],
  ])('%s', (text, category) => expect(runFailure(text).category).toBe(category));
});

describe('isFatal', () => {
  it.each([
    ['Aborted(OOM). Build with -sASSERTIONS for more info.', true],
    ['memory access out of bounds', true],
    ['failed to call OrtRun(). ERROR_CODE: 2, ERROR_MESSAGE: Got invalid dimensions', false],
  ])('%s', (text, fatal) => expect(isFatal(text)).toBe(fatal));

  it('leaves out where ONNX Runtime was built', () => {
    const text =
      'ERROR_CODE: 1, ERROR_MESSAGE: /mnt/x/_work/1/s/onnxruntime/core/providers/cpu/tensor/' +
      'reshape_helper.h:86 The input tensor cannot be reshaped to the requested shape.';
    const failure = runFailure(text);
    expect(failure.category).toBe('invalid_input');
    expect(failure.message).toContain('MESSAGE: onnxruntime/core/providers/cpu');
    expect(failure.message).not.toContain('/mnt');
  });
});
