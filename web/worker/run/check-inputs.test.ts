import { describe, expect, it } from 'vitest';
import type { Datatype, Tensor } from '../../protocol/tensor';
import type { TensorSpec } from '../../protocol/values';
import { checkInputs } from './check-inputs';

const kSpecs: TensorSpec[] = [
  { name: 'input', datatype: 'FP32', shape: [-1, 4] },
  { name: 'sr', datatype: 'INT64', shape: [] },
];
const input = (shape = [2, 4], datatype: Datatype = 'FP32'): Tensor => ({
  name: 'input',
  datatype,
  shape,
  data: new Float32Array(8),
});
const sr: Tensor = { name: 'sr', datatype: 'INT64', shape: [], data: new BigInt64Array(1) };

describe('checkInputs', () => {
  it('takes what fits, in any order', () => {
    expect(() => checkInputs([sr, input()], kSpecs)).not.toThrow();
  });

  it.each([
    ['a wrong name', [{ ...input(), name: 'x' }, sr], 'no input "x"'],
    ['a missing input', [input()], '"sr" is missing'],
    ['a wrong type', [input([2, 4], 'FP64'), sr], 'is FP64 and must be FP32'],
    ['a wrong fixed dimension', [input([4, 2]), sr], 'is [4,2] and must be [-1,4]'],
    ['a wrong number of dimensions', [input([8]), sr], 'is [8] and must be [-1,4]'],
    ['an input given twice', [input(), input(), sr], 'given twice'],
  ])('refuses %s', (_, inputs, message) => {
    expect(() => checkInputs(inputs, kSpecs)).toThrow(
      expect.objectContaining({
        category: 'invalid_input',
        message: expect.stringContaining(message),
        hint: "the model's inputs are: input, sr",
      }),
    );
  });
});
