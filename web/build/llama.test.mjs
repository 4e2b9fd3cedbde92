// The scripts that are made of wllama's texts: they parse, and need neither Blobs nor eval.
import { describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { llamaScripts } from './llama.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

describe.each(['main', 'compat'])("llama.cpp's scripts, %s build", (build) => {
  const { worker, thread } = llamaScripts(root, build);

  it('are scripts', () => {
    expect(() => new Function(worker.replaceAll('import.meta', 'meta'))).not.toThrow();
    expect(() => new Function(thread.replaceAll('import.meta', 'meta'))).not.toThrow();
  });

  it('read their options from their name and start threads from a file', () => {
    expect(worker).toMatch(/^const RUN_OPTIONS = JSON\.parse\(self\.name\);/);
    expect(worker).toContain('? RUN_OPTIONS.threadScript');
    expect(worker).not.toContain('argMainScriptBlob\n');
  });

  it('make no functions of text', () => {
    for (const text of [worker, thread]) expect(text).not.toMatch(/\beval\(|new Function\b/);
  });
});
