import { describe, expect, it } from 'vitest';
import { decodeStrings } from '../../protocol/tensor';
import { ChatAnswer } from './chat-answer';

const kTimings = { cache_n: 20, prompt_n: 17, prompt_ms: 12.5, predicted_n: 3, predicted_ms: 30 };

const said = (answer: ChatAnswer): string | undefined =>
  decodeStrings(answer.outputs[0]?.data ?? new Uint8Array())[0];

describe('ChatAnswer', () => {
  it('is put together of what comes, and tells what is new', () => {
    const answer = new ChatAnswer();
    const news = [
      { choices: [{ delta: { content: null } }] },
      { choices: [{ delta: { content: 'Par' }, logprobs: { content: [{ id: 5 }] } }] },
      { choices: [{ delta: { content: 'is' }, logprobs: { content: [{ id: 6 }, {}] } }] },
      { choices: [{ delta: {}, finish_reason: 'stop' }], timings: kTimings },
    ].map((chunk) => answer.add(chunk));
    expect(news).toEqual([null, { text: 'Par', tokens: [5] }, { text: 'is', tokens: [6] }, null]);
    expect(said(answer)).toBe('Paris');
    expect(answer.outputs[1]?.data).toEqual(BigInt64Array.of(5n, 6n));
    expect(answer.details).toEqual({
      finish_reason: 'stop',
      tool_calls: [],
      prompt_tokens: 37,
      cached_tokens: 20,
      completion_tokens: 3,
      prompt_ms: 12.5,
      decode_ms: 30,
    });
  });

  it('is put together of the text of a raw prompt too', () => {
    const answer = new ChatAnswer();
    expect(answer.add({ choices: [{ text: ' Paris' }] })).toEqual({ text: ' Paris' });
    answer.add({ choices: [{ text: '', finish_reason: 'length' }], timings: kTimings });
    expect(said(answer)).toBe(' Paris');
    expect(answer.details).toMatchObject({ finish_reason: 'length', prompt_tokens: 37 });
  });

  it('joins the pieces of calls', () => {
    const answer = new ChatAnswer();
    const piece = (index: number, more: object): object => ({
      choices: [{ delta: { tool_calls: [{ index, ...more }] } }],
    });
    answer.add(piece(0, { id: 'a', function: { name: 'f', arguments: '{"x"' } }));
    answer.add(piece(1, { id: 'b', function: { name: 'g' } }));
    answer.add(piece(0, { function: { arguments: ':1}' } }));
    expect(answer.details['tool_calls']).toEqual([
      { id: 'a', name: 'f', arguments: '{"x":1}' },
      { id: 'b', name: 'g', arguments: '' },
    ]);
  });

  it('is cut off where the call that it is was', () => {
    const answer = new ChatAnswer();
    const content = '{"tool_call": {"name": "f", "arguments": {"a"';
    answer.add({ choices: [{ delta: { content }, finish_reason: 'length' }] });
    expect(answer.takeCalls()).toBe('');
    expect(answer.details).toMatchObject({
      finish_reason: 'length',
      tool_calls: [{ name: 'f', arguments: '{"a"' }],
    });
  });

  it('is a call where its text is one in words', () => {
    const answer = new ChatAnswer();
    answer.add({
      choices: [
        {
          delta: { content: '{"tool_call": {"name": "f", "arguments": {"a": 1}}}' },
          finish_reason: 'stop',
        },
      ],
    });
    expect(answer.takeCalls()).toBe('');
    expect(said(answer)).toBe('');
    expect(answer.details).toMatchObject({
      finish_reason: 'tool_calls',
      tool_calls: [{ name: 'f', arguments: '{"a":1}' }],
    });
  });
});
