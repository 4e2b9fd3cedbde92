// The limits of docs/protocol.md; the same numbers stand in src/wire/limits.h.

export const PROTOCOL_VERSION = 1;

export interface Limits {
  /** Bytes of JSON, padding included. */
  maxHeader: number;
  /** Bytes of the whole frame. */
  maxFrame: number;
  maxTensors: number;
  maxRank: number;
  /** Nested objects and arrays; the header itself is the first. */
  maxDepth: number;
}

export const LIMITS: Limits = {
  maxHeader: 1 << 20,
  maxFrame: 2 ** 30,
  maxTensors: 1024,
  maxRank: 32,
  maxDepth: 32,
};

/** UTF-8 bytes of `message`, `hint` and `reason`; longer ones are cut when encoded. */
export const MAX_MESSAGE_BYTES = 16 * 1024;
/** UTF-8 bytes of every other string. */
export const MAX_TEXT_BYTES = 4 * 1024;
/** Entries of a list (files, ids, models, signatures). */
export const MAX_LIST = 4096;
