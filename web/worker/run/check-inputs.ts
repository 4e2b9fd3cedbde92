// Inputs against the model's signature, in the words of this project and before any is converted.

import type { Tensor } from '../../protocol/tensor';
import type { TensorSpec } from '../../protocol/values';
import { PoolError } from '../error';

/** Throws PoolError `invalid_input`. */
export function checkInputs(inputs: Tensor[], specs: TensorSpec[]): void {
  const wanted = specs.map((spec) => spec.name).join(', ');
  const fail = (message: string): never => {
    throw new PoolError('invalid_input', message, `the model's inputs are: ${wanted}`);
  };
  const given = new Set(inputs.map((input) => input.name));
  if (given.size !== inputs.length) fail('an input is given twice');
  for (const input of inputs) {
    const spec = specs.find((candidate) => candidate.name === input.name);
    if (!spec) fail(`the model has no input "${input.name}"`);
    else if (spec.datatype !== input.datatype) {
      fail(`input "${input.name}" is ${input.datatype} and must be ${spec.datatype}`);
    } else if (
      spec.shape.length !== input.shape.length ||
      spec.shape.some((size, i) => size >= 0 && size !== input.shape[i])
    ) {
      fail(`input "${input.name}" is [${input.shape}] and must be [${spec.shape}] (-1: any)`);
    }
  }
  const missing = specs.find((spec) => !given.has(spec.name));
  if (missing) fail(`input "${missing.name}" is missing`);
}
