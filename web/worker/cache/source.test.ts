import { describe, expect, it } from 'vitest';
import { parseCid } from './cid';
import { HttpSource } from './source';

const kCid = parseCid('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e');
const kUrl = `http://127.0.0.1:1/ipfs/${kCid.text}`;

function answering(response: Response | Error): {
  source: HttpSource;
  asked: [string, RequestInit][];
} {
  const asked: [string, RequestInit][] = [];
  const source = new HttpSource('http://127.0.0.1:1', async (url, options) => {
    asked.push([url, options]);
    if (response instanceof Error) throw response;
    return response;
  });
  return { source, asked };
}

async function read(
  source: HttpSource,
  start: number,
  end: number,
  fresh = false,
): Promise<string> {
  let text = '';
  await source.range(kCid, start, end, fresh, (piece) => {
    text += new TextDecoder().decode(piece);
  });
  return text;
}

describe('HttpSource', () => {
  it('asks for a range, inclusive as HTTP wants it', async () => {
    const { source, asked } = answering(new Response('ello', { status: 206 }));
    expect(await read(source, 1, 5)).toBe('ello');
    expect(asked[0]?.[0]).toBe(kUrl);
    expect(asked[0]?.[1].headers).toEqual({ range: 'bytes=1-4' });
    expect(asked[0]?.[1].redirect).toBe('error');
  });

  it('goes past the HTTP cache when asked for fresh bytes', async () => {
    const { source, asked } = answering(new Response('h', { status: 206 }));
    await read(source, 0, 1, true);
    expect(asked[0]?.[1].cache).toBe('reload');
  });

  it('takes from a whole file only what was asked for', async () => {
    expect(await read(answering(new Response('hello world')).source, 0, 5)).toBe('hello');
  });

  it('reads into memory of its own where the body can fill it', async () => {
    const text = new TextEncoder().encode('x'.repeat(3 * 1024 * 1024 + 5));
    let at = 0;
    let given = 0; // Times that the reader brought memory.
    const body = new ReadableStream({
      type: 'bytes',
      pull: (stream) => {
        const view = stream.byobRequest?.view as Uint8Array | undefined;
        if (!view) throw new Error('the reader brought no memory');
        given += 1;
        const piece = text.subarray(at, at + Math.min(view.length, 700_001));
        view.set(piece);
        at += piece.length;
        stream.byobRequest?.respond(piece.length);
        if (at === text.length) stream.close();
      },
    });
    const { source } = answering(new Response(body, { status: 206 }));
    expect(await read(source, 0, text.length)).toBe('x'.repeat(text.length));
    expect(given).toBe(Math.ceil(text.length / 700_001));
  });

  it('reads a body that brings its own memory', async () => {
    const body = new ReadableStream({
      start: (stream) => {
        for (const piece of ['hel', 'lo']) stream.enqueue(new TextEncoder().encode(piece));
        stream.close();
      },
    });
    expect(await read(answering(new Response(body, { status: 206 })).source, 0, 5)).toBe('hello');
  });

  it('reads no further than the sink wants', async () => {
    let ended = false;
    const body = new ReadableStream({
      pull: (stream) => stream.enqueue(new TextEncoder().encode('x')),
      cancel: () => void (ended = true),
    });
    const { source } = answering(new Response(body, { status: 206 }));
    let pieces = 0;
    await source.range(kCid, 0, 1000, false, () => ++pieces < 3);
    expect(pieces).toBe(3);
    expect(ended).toBe(true);
  });

  it('asks for a block as it is hashed', async () => {
    const { source, asked } = answering(new Response('block'));
    expect(new TextDecoder().decode(await source.block(kCid))).toBe('block');
    expect(asked[0]?.[0]).toBe(`${kUrl}?format=raw`);
  });

  it('does not wait for ever for bytes that do not come', async () => {
    const body = new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(2)) });
    const source = new HttpSource('', async () => new Response(body, { status: 206 }), 20);
    await expect(read(source, 0, 5)).rejects.toMatchObject({
      category: 'fetch',
      message: expect.stringContaining('nothing came for 20 ms'),
    });
    const silent = new HttpSource('', () => new Promise(() => undefined), 20);
    await expect(read(silent, 0, 5)).rejects.toMatchObject({ category: 'fetch' });
  });

  it.each([
    ['the whole file for a later range', new Response('hello world'), 'fetch'],
    ['too few bytes', new Response('ell', { status: 206 }), 'fetch'],
    ['no such file', new Response('', { status: 404 }), 'not_found'],
    ['a server error', new Response('', { status: 500 }), 'fetch'],
    ['no connection', new TypeError('Failed to fetch'), 'fetch'],
  ])('fails on %s', async (_, response, category) => {
    await expect(read(answering(response).source, 1, 5)).rejects.toMatchObject({ category });
  });
});
