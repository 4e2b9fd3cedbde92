// How a session is made: what `load.options` says, checked.

import type { JsonObject } from '../../protocol/frame';
import type { LoadMessage } from '../../protocol/messages';
import type { BackendName } from '../../protocol/values';
import { PoolError } from '../error';

export const kDeviceTypes = ['cpu', 'gpu', 'npu'] as const;
export type DeviceType = (typeof kDeviceTypes)[number];

export interface SessionSettings {
  backend: BackendName;
  /** For WebNN: what its context is asked for. Says nothing about what it then runs on. */
  deviceType: DeviceType;
  /** Sizes of the graph's named free dimensions, where they shall be fixed; else null. */
  freeDimensions: Record<string, number> | null;
}

const kLargest = 2 ** 31 - 1;

/** Throws PoolError `invalid_argument`. */
export function sessionSettings(load: LoadMessage): SessionSettings {
  const { backend, options } = load;
  return { backend, deviceType: deviceType(options), freeDimensions: freeDimensions(options) };
}

function deviceType(options: JsonObject): DeviceType {
  const asked = options['device_type'] ?? 'cpu';
  const known = kDeviceTypes.find((type) => type === asked);
  if (known) return known;
  throw new PoolError(
    'invalid_argument',
    `there is no WebNN device type ${JSON.stringify(asked)}`,
    `device_type is one of ${kDeviceTypes.join(', ')}`,
  );
}

function freeDimensions(options: JsonObject): Record<string, number> | null {
  const asked = options['free_dimensions'];
  if (asked === undefined) return null;
  const fault = (): never => {
    throw new PoolError(
      'invalid_argument',
      'free_dimensions is not an object of names and sizes',
      'for example {"batch_size": 1, "sequence_length": 128}',
    );
  };
  if (typeof asked !== 'object' || asked === null || Array.isArray(asked)) return fault();
  const sizes: Record<string, number> = {};
  for (const [name, size] of Object.entries(asked)) {
    if (typeof size !== 'number' || !Number.isSafeInteger(size)) return fault();
    if (size < 1 || size > kLargest) return fault();
    sizes[name] = size;
  }
  return sizes;
}
