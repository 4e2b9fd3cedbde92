import { describe, expect, it } from 'vitest';
import { cidFromBytes, matchesDigest, parseCid } from './cid';

const kHello = 'bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e';

describe('parseCid', () => {
  it('reads a raw CIDv1 and writes it the same', async () => {
    const cid = parseCid(kHello);
    expect(cid.codec).toBe('raw');
    expect(cid.text).toBe(kHello);
    expect(await matchesDigest(new TextEncoder().encode('hello world'), cid.digest)).toBe(true);
    expect(await matchesDigest(new TextEncoder().encode('hello worle'), cid.digest)).toBe(false);
  });

  it('reads a CIDv0 as the same dag-pb CIDv1', () => {
    const cid = parseCid('QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n');
    expect(cid.codec).toBe('dag-pb');
    expect(cid.text).toBe('bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku');
  });

  it.each([
    '',
    'b',
    'hello',
    kHello.slice(0, -3),
    'zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA',
    'bafkqaaa',
    '../x',
  ])('refuses "%s"', (text) => {
    expect(() => parseCid(text)).toThrow(expect.objectContaining({ category: 'invalid_argument' }));
  });

  it('refuses a link of another hash', () => {
    expect(() => cidFromBytes(new Uint8Array([1, 0x55, 0x13, 0x40]))).toThrow();
  });
});
