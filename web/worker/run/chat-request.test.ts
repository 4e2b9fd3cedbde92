import { describe, expect, it } from 'vitest';
import { type Tensor, encodeStrings } from '../../protocol/tensor';
import { chatRequest, rawRequest } from './chat-request';

const messages = (...texts: string[]): Tensor => ({
  name: 'messages',
  datatype: 'BYTES',
  shape: [texts.length],
  data: encodeStrings(texts),
});
const kHello = messages('{"role":"user","content":"grüße 🌍"}');

describe('chatRequest', () => {
  it('is greedy and computes all anew unless told otherwise', () => {
    expect(chatRequest([kHello], {})).toEqual({
      messages: [{ role: 'user', content: 'grüße 🌍' }],
      max_tokens: 512,
      temperature: 0,
      cache_prompt: false,
    });
  });

  it('takes what it is told', () => {
    const parameters = {
      max_tokens: 7,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 3,
      seed: 42,
      stop: '.',
      conversation: 'a',
      return_tokens: true,
      unknown: 1,
    };
    expect(chatRequest([kHello], parameters)).toMatchObject({
      max_tokens: 7,
      temperature: 0.5,
      top_p: 0.9,
      top_k: 3,
      seed: 42,
      stop: ['.'],
      cache_prompt: true,
      logprobs: true,
    });
    expect(chatRequest([kHello], parameters)).not.toHaveProperty('unknown');
  });

  it.each([
    ['max_tokens', 0],
    ['max_tokens', 1.5],
    ['max_tokens', '7'],
    ['temperature', -1],
    ['top_p', 2],
    ['seed', 2 ** 32 - 1],
    ['stop', ''],
    ['stop', [1]],
    ['tools', {}],
  ])('refuses %s = %j', (key, value) => {
    expect(() => chatRequest([kHello], { [key]: value })).toThrow(
      expect.objectContaining({ category: 'invalid_argument' }) as Error,
    );
  });

  it.each([
    ['no tensor', []],
    ['another name', [{ ...kHello, name: 'text' }]],
    ['another type', [{ ...kHello, datatype: 'UINT8' as const }]],
    ['no message', [messages()]],
    ['no JSON', [messages('hello')]],
    ['no object', [messages('["user"]')]],
    ['no role', [messages('{"content":"x"}')]],
    ['an unknown role', [messages('{"role":"robot","content":"x"}')]],
  ])('refuses %s', (_, inputs) => {
    expect(() => chatRequest(inputs, {})).toThrow(
      expect.objectContaining({ category: 'invalid_input' }) as Error,
    );
  });
});

describe('rawRequest', () => {
  it('is none unless asked for', () => {
    expect(rawRequest([kHello], {})).toBeNull();
    expect(rawRequest([kHello], { raw: false })).toBeNull();
  });

  it('is the text of the one message, with the same parameters', () => {
    const parameters = { raw: true, max_tokens: 7, seed: 42, stop: ['.'], return_tokens: true };
    expect(rawRequest([kHello], parameters)).toEqual({
      prompt: 'grüße 🌍',
      max_tokens: 7,
      temperature: 0,
      seed: 42,
      stop: ['.'],
      cache_prompt: false,
      n_probs: 1,
    });
  });

  it.each([
    ['two messages', messages('{"role":"user","content":"a"}', '{"role":"user","content":"b"}')],
    ['another role', messages('{"role":"system","content":"a"}')],
    ['no text', messages('{"role":"user","content":[]}')],
    ['an empty text', messages('{"role":"user","content":""}')],
  ])('refuses %s', (_, input) => {
    expect(() => rawRequest([input], { raw: true })).toThrow(
      expect.objectContaining({ category: 'invalid_input' }) as Error,
    );
  });

  it.each([{ raw: 1 }, { raw: true, tools: [{}] }])('refuses %j', (parameters) => {
    expect(() => rawRequest([kHello], parameters)).toThrow(
      expect.objectContaining({ category: 'invalid_argument' }) as Error,
    );
  });
});
