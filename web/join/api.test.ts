import { describe, expect, it } from 'vitest';
import { JoinApi, Refusal } from './api';

function answering(status: number, body: string) {
  const asked: { url: string; init: RequestInit }[] = [];
  const api = new JoinApi((url, init) => {
    asked.push({ url, init });
    return Promise.resolve(new Response(body, { status }));
  });
  return { api, asked };
}

describe('JoinApi', () => {
  it('posts the key and gives back the offer', async () => {
    const { api, asked } = answering(200, '{"machine": "box", "models": []}');
    expect(await api.offer('abc')).toEqual({ machine: 'box', models: [] });
    expect(asked[0]?.url).toBe('/join/offer');
    expect(asked[0]?.init.body).toBe('{"key":"abc"}');
  });

  it('leaves also while the page goes away', async () => {
    const { api, asked } = answering(200, '{}');
    await api.leave('d');
    expect(asked[0]?.init.keepalive).toBe(true);
  });

  it('throws a refusal with the words of the machine', async () => {
    const { api } = answering(
      401,
      '{"error": {"category": "unauthorized", "message": "the link is stale", "hint": "ask"}}',
    );
    const refusal = await api.join('old').catch((thrown: unknown) => thrown);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({
      status: 401,
      category: 'unauthorized',
      message: 'the link is stale',
      hint: 'ask',
    });
  });

  it('takes an answer that is no JSON for a refusal too', async () => {
    const { api } = answering(502, '<html>');
    await expect(api.state('d')).rejects.toMatchObject({ status: 502, message: 'HTTP 502' });
  });
});
