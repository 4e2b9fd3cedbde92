import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compressBeside } from './compress.mjs';

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'webpool-compress-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('what becomes smaller lies compressed beside its file', async () => {
  mkdirSync(join(folder, 'below'));
  const text = 'the same words again and again. '.repeat(1000);
  writeFileSync(join(folder, 'below/text.js'), text);
  writeFileSync(join(folder, 'small.js'), 'x');
  writeFileSync(join(folder, 'random.wasm'), randomBytes(20_000));
  await compressBeside(folder);
  expect(readdirSync(folder, { recursive: true }).sort()).toEqual([
    'below',
    'below/text.js',
    'below/text.js.br',
    'random.wasm',
    'small.js',
  ]);
  const compressed = readFileSync(join(folder, 'below/text.js.br'));
  expect(brotliDecompressSync(compressed).toString()).toBe(text);
  // Once more: what was made before is not compressed itself.
  await compressBeside(folder);
  expect(readdirSync(join(folder, 'below')).length).toBe(2);
});
