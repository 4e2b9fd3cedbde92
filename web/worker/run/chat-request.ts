// A run of the task "text-generation" in the words of llama.cpp's server, which are OpenAI's.

import type { JsonObject, JsonValue } from '../../protocol/frame';
import type { Tensor } from '../../protocol/tensor';
import { PoolError } from '../error';
import { readStrings } from './texts';

export interface ChatRequest extends Record<string, unknown> {
  messages: JsonObject[];
}

/** A prompt as it stands, without the model's chat template. */
export interface RawRequest extends Record<string, unknown> {
  prompt: string;
}

const kRoles = ['system', 'user', 'assistant', 'tool'];

/** What may be in `parameters`, and what llama.cpp calls it. */
const kNumbers: [key: string, least: number, most: number, whole: boolean][] = [
  ['max_tokens', 1, 2 ** 31 - 1, true],
  ['temperature', 0, 100, false],
  ['top_p', 0, 1, false],
  ['top_k', 0, 2 ** 31 - 1, true],
  ['seed', 0, 2 ** 32 - 2, true],
];
const kUsualTokens = 512;

function wrong(message: string, hint = ''): never {
  throw new PoolError('invalid_argument', message, hint);
}

function message(text: string, at: number): JsonObject {
  let parsed: JsonValue;
  try {
    parsed = JSON.parse(text) as JsonValue;
  } catch {
    parsed = null;
  }
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  const role = isObject ? (parsed as JsonObject)['role'] : undefined;
  if (typeof role !== 'string' || !kRoles.includes(role)) {
    throw new PoolError(
      'invalid_input',
      `message ${at + 1} is no JSON object with a role of ${kRoles.join(', ')}`,
      'a message is {"role": "user", "content": "…"}',
    );
  }
  return parsed as JsonObject;
}

/** Throws PoolError `invalid_input`. */
export function readMessages(inputs: Tensor[]): JsonObject[] {
  const [messages] = inputs;
  if (!messages || inputs.length > 1 || messages.name !== 'messages') {
    throw new PoolError(
      'invalid_input',
      'text-generation takes one BYTES tensor named "messages"',
      'each of its elements is a message as JSON',
    );
  }
  const texts = messages.datatype === 'BYTES' ? readStrings(messages) : [];
  if (texts.length === 0) throw new PoolError('invalid_input', 'there is no message to answer');
  return texts.map(message);
}

function stops(value: JsonValue): string[] {
  const list = Array.isArray(value) ? value : [value];
  const texts = list.filter((text): text is string => typeof text === 'string' && text !== '');
  if (texts.length !== list.length) wrong('"stop" is a text or a list of texts, none empty');
  return texts;
}

/** What both kinds of request share. */
function sampling(parameters: JsonObject): Record<string, unknown> {
  const request: Record<string, unknown> = {
    max_tokens: kUsualTokens,
    temperature: 0,
    // A prompt is computed anew unless it goes on with a conversation: the same call then gives
    // the same answer, to the last bit.
    cache_prompt: parameters['conversation'] !== undefined,
  };
  for (const [key, least, most, whole] of kNumbers) {
    const value = parameters[key];
    if (value === undefined || value === null) continue;
    const fits = typeof value === 'number' && value >= least && value <= most;
    if (!fits || (whole && !Number.isInteger(value))) {
      wrong(`"${key}" is ${JSON.stringify(value)}, and goes from ${least} to ${most}`);
    }
    request[key] = value;
  }
  const { stop } = parameters;
  if (stop !== undefined && stop !== null) request['stop'] = stops(stop);
  return request;
}

/** Throws PoolError `invalid_input` or `invalid_argument`. */
export function chatRequest(inputs: Tensor[], parameters: JsonObject): ChatRequest {
  const request: ChatRequest = { messages: readMessages(inputs), ...sampling(parameters) };
  const { tools, tool_choice: choice } = parameters;
  if (tools !== undefined && tools !== null) {
    if (!Array.isArray(tools)) wrong('"tools" is no list');
    request['tools'] = tools;
  }
  if (choice !== undefined && choice !== null) request['tool_choice'] = choice;
  if (parameters['return_tokens'] === true) Object.assign(request, { logprobs: true, top_logprobs: 1 });
  return request;
}

/** Null where the parameters do not ask for it. Throws as chatRequest(). */
export function rawRequest(inputs: Tensor[], parameters: JsonObject): RawRequest | null {
  const { raw, tools } = parameters;
  if (raw === undefined || raw === null || raw === false) return null;
  if (raw !== true) wrong('"raw" must be true or false');
  if (Array.isArray(tools) && tools.length > 0) wrong('a raw prompt offers no tools');
  const messages = readMessages(inputs);
  const [only] = messages;
  const prompt = only?.['content'];
  if (messages.length !== 1 || only?.['role'] !== 'user' || typeof prompt !== 'string') {
    throw new PoolError(
      'invalid_input',
      'a raw prompt is one message of role user',
      'leave "raw" out for a conversation',
    );
  }
  if (prompt === '') throw new PoolError('invalid_input', 'the prompt is empty');
  const request: RawRequest = { prompt, ...sampling(parameters) };
  if (parameters['return_tokens'] === true) request['n_probs'] = 1;
  return request;
}
