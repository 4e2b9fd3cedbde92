// An answer of llama.cpp's server as it comes, chunk by chunk, put together.

import type { JsonObject } from '../../protocol/frame';
import { type Tensor, encodeStrings } from '../../protocol/tensor';
import { type ToolCall, readToolAnswer } from './tool-calls';

/** As much of a chunk as is read. */
export interface ChatChunk {
  choices?: {
    text?: string; // of a raw prompt
    delta?: {
      content?: string | null;
      tool_calls?: {
        index: number;
        id?: string;
        function?: { name?: string; arguments?: string };
      }[];
    };
    finish_reason?: string | null;
    logprobs?: { content?: { id?: number }[] | null } | null;
  }[];
  timings?: {
    cache_n: number;
    prompt_n: number;
    prompt_ms: number;
    predicted_n: number;
    predicted_ms: number;
  };
}

export class ChatAnswer {
  private text = '';
  private readonly tokens: number[] = [];
  private readonly calls: ToolCall[] = [];
  private finish = '';
  private timings: ChatChunk['timings'];

  /** What is new in it, for a partial answer; null where nothing is. */
  add(chunk: ChatChunk): JsonObject | null {
    this.timings = chunk.timings ?? this.timings;
    let text = '';
    const tokens: number[] = [];
    for (const { text: raw, delta, finish_reason: finish, logprobs } of chunk.choices ?? []) {
      text += raw ?? delta?.content ?? '';
      for (const { id } of logprobs?.content ?? []) if (id !== undefined) tokens.push(id);
      for (const part of delta?.tool_calls ?? []) this.addCall(part);
      if (finish) this.finish = finish;
    }
    this.text += text;
    this.tokens.push(...tokens);
    if (text === '' && tokens.length === 0) return null;
    return tokens.length > 0 ? { text, tokens } : { text };
  }

  private addCall(part: {
    index: number;
    id?: string;
    function?: { name?: string; arguments?: string };
  }): void {
    const call = (this.calls[part.index] ??= { id: '', name: '', arguments: '' });
    call.id ||= part.id ?? '';
    call.name += part.function?.name ?? '';
    call.arguments += part.function?.arguments ?? '';
  }

  /** Takes the text for an answer in the form of tool-calls.ts; returns the text that is left. */
  takeCalls(): string {
    const { text, calls } = readToolAnswer(this.text);
    this.text = text;
    this.calls.push(...calls);
    if (calls.length > 0 && this.finish !== 'length') this.finish = 'tool_calls';
    return text;
  }

  get outputs(): Tensor[] {
    const data = BigInt64Array.from(this.tokens, BigInt);
    return [
      { name: 'text', datatype: 'BYTES', shape: [1], data: encodeStrings([this.text]) },
      { name: 'tokens', datatype: 'INT64', shape: [data.length], data },
    ];
  }

  get details(): JsonObject {
    const at = this.timings;
    return {
      finish_reason: this.finish,
      tool_calls: this.calls.map((call) => ({ ...call })),
      prompt_tokens: (at?.prompt_n ?? 0) + (at?.cache_n ?? 0),
      cached_tokens: at?.cache_n ?? 0,
      completion_tokens: at?.predicted_n ?? 0,
      prompt_ms: at?.prompt_ms ?? 0,
      decode_ms: at?.predicted_ms ?? 0,
    };
  }
}
