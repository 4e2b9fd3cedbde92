// The parameters of a call of task "automatic-speech-recognition" (docs/protocol.md).

import type { JsonObject } from '../../protocol/frame';
import { PoolError } from '../error';
import type { TokenRules } from './token-rules';

export interface Transcription {
  /** Begins the transcript; after its last token the language is told. */
  prompt: number[];
  /** The tokens of languages, of which the likeliest is taken; none: `then` follows at once. */
  languages: number[];
  /** Follows the language. */
  then: number[];
  rules: TokenRules;
  /** The token that stands for "no speech"; null: it has none. */
  noSpeech: number | null;
  maxTokens: number;
  /** 0: the likeliest token each time. */
  temperature: number;
  seed: number;
  /** These are said instead of what is likeliest: it is told how likely they are. */
  force: number[] | null;
}

const kMostTokens = 448;

function bad(key: string, what: string): PoolError {
  return new PoolError('invalid_argument', `the parameter "${key}" must be ${what}`);
}

function isToken(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function tokens(from: JsonObject, key: string): number[] {
  const value = from[key] ?? [];
  if (!Array.isArray(value) || !value.every(isToken)) throw bad(key, 'a list of token ids');
  return value;
}

function token(from: JsonObject, key: string): number {
  const value = from[key];
  if (!isToken(value)) throw bad(key, 'a token id');
  return value;
}

function number(from: JsonObject, key: string, otherwise: number): number {
  const value = from[key] ?? otherwise;
  if (typeof value !== 'number' || !(value >= 0)) throw bad(key, 'a number, 0 or more');
  return value;
}

/** Throws PoolError `invalid_argument`. */
export function readTranscription(from: JsonObject): Transcription {
  const prompt = tokens(from, 'prompt');
  if (prompt.length === 0) throw bad('prompt', 'the tokens that begin a transcript');
  const times = from['timestamps'];
  if (times !== undefined && (typeof times !== 'object' || times === null || Array.isArray(times))) {
    throw bad('timestamps', 'an object');
  }
  return {
    prompt,
    languages: tokens(from, 'languages'),
    then: tokens(from, 'then'),
    rules: {
      end: token(from, 'end'),
      suppress: tokens(from, 'suppress'),
      suppressFirst: tokens(from, 'suppress_first'),
      timestamps: times
        ? {
            first: token(times, 'first'),
            none: token(times, 'none'),
            latestBegin: number(times, 'latest_begin', 50),
          }
        : null,
    },
    noSpeech: from['no_speech'] === undefined ? null : token(from, 'no_speech'),
    maxTokens: Math.min(number(from, 'max_tokens', kMostTokens / 2), kMostTokens),
    temperature: number(from, 'temperature', 0),
    seed: number(from, 'seed', 0),
    force: from['force'] === undefined ? null : tokens(from, 'force'),
  };
}
