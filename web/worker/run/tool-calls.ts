// Calls of tools by a model whose chat template knows none: the tools are described to it in words,
// a grammar keeps it to the form of a call, and the call is read from its answer. (llama.cpp does
// all of that itself where the template knows tools.)

import type { JsonObject, JsonValue } from '../../protocol/frame';
import { PoolError } from '../error';
import type { ChatRequest } from './chat-request';

export interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

/** What an answer in that form says. */
export interface ToolAnswer {
  text: string;
  calls: ToolCall[];
}

interface ToolFunction {
  name: string;
  description?: string;
  parameters?: JsonObject;
}

const kNoArguments: JsonObject = { type: 'object', properties: {} };

export function knowsTools(template: string): boolean {
  return /\btools?\b/.test(template);
}

function functionsOf(tools: JsonValue[]): ToolFunction[] {
  return tools.map((tool) => {
    const inner = (tool as JsonObject | null)?.['function'] as unknown as ToolFunction | undefined;
    if (typeof inner?.name === 'string' && inner.name !== '') return inner;
    throw new PoolError(
      'invalid_argument',
      '"tools" has an entry that is no function',
      'a tool is {"type": "function", "function": {"name": "…", "parameters": {…}}}',
    );
  });
}

function schemaOf({ name, parameters }: ToolFunction): JsonObject {
  const call: JsonObject = {
    type: 'object',
    properties: { name: { const: name }, arguments: parameters ?? kNoArguments },
    required: ['name', 'arguments'],
  };
  return { type: 'object', properties: { tool_call: call }, required: ['tool_call'] };
}

const kReply: JsonObject = {
  type: 'object',
  properties: { response: { type: 'string' } },
  required: ['response'],
};

function instructions(functions: ToolFunction[], mustCall: boolean): string {
  const list = functions.map(({ name, description, parameters }) =>
    JSON.stringify({ name, description, parameters: parameters ?? kNoArguments }),
  );
  const call = '{"tool_call": {"name": "…", "arguments": {…}}}';
  return [
    'You can call these functions:',
    ...list,
    mustCall
      ? `Answer with a call, as JSON: ${call}`
      : `Answer as JSON, with a call: ${call} or with a text: {"response": "…"}`,
  ].join('\n');
}

/** A message in words that every template knows. */
function plain(message: JsonObject): JsonObject {
  const { role, content, tool_calls: calls } = message;
  if (role === 'tool') return { role: 'user', content: `The result of the call: ${String(content)}` };
  if (!Array.isArray(calls)) return message;
  const [call] = functionsOf(calls);
  const said = call as unknown as { name: string; arguments: string } | undefined;
  const text = said
    ? `{"tool_call": {"name": ${JSON.stringify(said.name)}, "arguments": ${said.arguments}}}`
    : String(content ?? '');
  return { role: 'assistant', content: text };
}

/** The request with its tools in words; without any where none may be called. */
export function inWords(request: ChatRequest): ChatRequest {
  const { tools, tool_choice: choice, messages, ...rest } = request;
  const list = Array.isArray(tools) ? (tools as JsonValue[]) : [];
  const said = messages.map(plain);
  if (list.length === 0 || choice === 'none') return { ...rest, messages: said };
  const functions = functionsOf(list);
  const mustCall = choice === 'required';
  const words = instructions(functions, mustCall);
  const [first, ...others] = said;
  const isSystem = first?.['role'] === 'system';
  const system = { role: 'system', content: isSystem ? `${String(first['content'])}\n${words}` : words };
  const schemas = functions.map(schemaOf);
  const all = mustCall ? schemas : [...schemas, kReply];
  const [only] = all;
  const schema = all.length === 1 && only ? only : { anyOf: all };
  return {
    ...rest,
    messages: isSystem ? [system, ...others] : [system, ...said],
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
  };
}

/** Whether the answer to inWords() of that request is in the form of a call. */
export function mayCall(request: ChatRequest): boolean {
  const { tools, tool_choice: choice } = request;
  return Array.isArray(tools) && tools.length > 0 && choice !== 'none';
}

/** As far as it was told whole, without the marks around it. */
function cutString(json: string): string {
  const whole = /^(?:[^"\\\p{Cc}]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*/u.exec(json)?.[0] ?? '';
  return (JSON.parse(`"${whole}"`) as string).replace(/[\uD800-\uDBFF]$/, '');
}

/** An answer that ended before its form did: its text so far, or a call as far as it came. */
function readCutAnswer(text: string): ToolAnswer {
  const reply = /^\s*\{\s*"response"\s*:\s*"/.exec(text);
  if (reply) return { text: cutString(text.slice(reply[0].length)), calls: [] };
  const begun = /^\s*\{\s*"tool_call"\s*:\s*\{\s*"name"\s*:\s*"([^"\\]+)"/.exec(text);
  const name = begun?.[1];
  if (!name) return { text: /^\s*\{/.test(text) ? '' : text, calls: [] };
  const rest = text.slice(begun[0].length);
  const before = /^\s*,\s*"arguments"\s*:\s*/.exec(rest)?.[0];
  const said = before === undefined ? '' : rest.slice(before.length);
  return { text: '', calls: [{ id: 'call_0', name, arguments: said }] };
}

/** Of an answer that was cut off, the arguments of a call may be no whole JSON. */
export function readToolAnswer(text: string): ToolAnswer {
  let parsed: { response?: unknown; tool_call?: { name?: unknown; arguments?: unknown } } | null;
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    return readCutAnswer(text);
  }
  const call = parsed?.tool_call;
  if (call && typeof call.name === 'string') {
    const made = { id: 'call_0', name: call.name, arguments: JSON.stringify(call.arguments ?? {}) };
    return { text: '', calls: [made] };
  }
  return { text: typeof parsed?.response === 'string' ? parsed.response : text, calls: [] };
}
