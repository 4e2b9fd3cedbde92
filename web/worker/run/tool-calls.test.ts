import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../protocol/frame';
import type { ChatRequest } from './chat-request';
import { inWords, knowsTools, mayCall, readToolAnswer } from './tool-calls';

const kWeather = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
};

const request = (more: object = {}): ChatRequest => ({
  messages: [{ role: 'user', content: 'Paris?' }],
  max_tokens: 5,
  tools: [kWeather],
  ...more,
});

describe('tools in words', () => {
  it('are for templates that know none', () => {
    expect(knowsTools("{% for message in messages %}{{ message['content'] }}{% endfor %}")).toBe(false);
    expect(knowsTools('{%- if tools %}')).toBe(true);
  });

  it('tell the model of the function and keep it to a call or a text', () => {
    const said = inWords(request());
    expect(said.messages).toHaveLength(2);
    expect(said.messages[0]).toMatchObject({ role: 'system' });
    expect(said.messages[0]?.['content']).toContain('"weather"');
    expect(said).not.toHaveProperty('tools');
    expect(said['max_tokens']).toBe(5);
    const format = said['response_format'] as { json_schema: { schema: { anyOf: JsonObject[] } } };
    expect(format.json_schema.schema.anyOf).toHaveLength(2);
  });

  it('join what the model is told already, and may have to be called', () => {
    const messages = [{ role: 'system', content: 'Be brief.' }, ...request().messages];
    const said = inWords(request({ messages, tool_choice: 'required' }));
    expect(said.messages).toHaveLength(2);
    expect(said.messages[0]?.['content']).toMatch(/^Be brief\.\nYou can call/);
    const format = said['response_format'] as { json_schema: { schema: JsonObject } };
    expect(format.json_schema.schema['required']).toEqual(['tool_call']);
  });

  it('are left out where none may be called', () => {
    expect(inWords(request({ tool_choice: 'none' }))).not.toHaveProperty('response_format');
    expect(mayCall(request({ tool_choice: 'none' }))).toBe(false);
    expect(mayCall(request({ tools: [] }))).toBe(false);
    expect(mayCall(request())).toBe(true);
  });

  it('are refused where they are none', () => {
    expect(() => inWords(request({ tools: [{ type: 'function' }] }))).toThrow(/no function/);
    expect(() => inWords(request({ tools: [null] }))).toThrow(/no function/);
  });

  it('turn calls and results of before into words', () => {
    const call = { function: { name: 'weather', arguments: '{"city":"Paris"}' } };
    const messages = [
      { role: 'user', content: 'Paris?' },
      { role: 'assistant', content: '', tool_calls: [call] },
      { role: 'tool', content: 'rain', tool_call_id: 'call_0' },
    ];
    const said = inWords(request({ messages }));
    expect(said.messages.slice(2)).toEqual([
      {
        role: 'assistant',
        content: '{"tool_call": {"name": "weather", "arguments": {"city":"Paris"}}}',
      },
      { role: 'user', content: 'The result of the call: rain' },
    ]);
  });

  it.each([
    ['{"tool_call": {"name": "f", "arguments": {"a": 1}}}', '', ['f']],
    ['{"response": "rain"}', 'rain', []],
    ['null', 'null', []],
    ['no JSON', 'no JSON', []],
    ['{"respo', '', []],
    ['{"response": "It \\"rai', 'It "rai', []],
    ['{"response": "a\\u00e', 'a', []],
    ['{"response": "a\\ud83d', 'a', []],
    ['{"response": "a\\', 'a', []],
    ['{"response": "a"', 'a', []],
    ['{"tool_call": {"na', '', []],
    ['{"tool_call": {"name": "f', '', []],
    ['{"tool_call": {"name": "f", "argu', '', ['f']],
  ])('reads %s', (answer, text, names) => {
    const read = readToolAnswer(answer);
    expect(read.text).toBe(text);
    expect(read.calls.map(({ name }) => name)).toEqual(names);
  });

  it('keep the arguments of a call that was cut off as they came', () => {
    const read = readToolAnswer('{"tool_call": {"name": "f", "arguments": {"a": "b');
    expect(read.calls).toEqual([{ id: 'call_0', name: 'f', arguments: '{"a": "b' }]);
  });
});
