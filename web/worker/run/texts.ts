// The strings of a tensor, for engines that take some.

import { type Tensor, decodeStrings } from '../../protocol/tensor';
import { PoolError } from '../error';

/** Throws PoolError `invalid_input` where one is not UTF-8. */
export function readStrings({ name, data }: Tensor): string[] {
  try {
    return decodeStrings(data);
  } catch {
    throw new PoolError(
      'invalid_input',
      `input "${name}" is not a list of UTF-8 strings`,
      'convert them to UTF-8',
    );
  }
}

/** Throws it also where there is none. */
export function readTexts(tensor: Tensor): string[] {
  const texts = readStrings(tensor);
  if (texts.length > 0) return texts;
  throw new PoolError('invalid_input', `input "${tensor.name}" has no text in it`, 'give at least one');
}
