import { describe, expect, it } from 'vitest';
import { type FromFiles, kHeard } from '../thread-messages';
import { ModelDownload } from './model-download';

function begin(): {
  download: ModelDownload;
  say: (message: FromFiles) => void;
  seen: string[];
  answers: unknown[];
} {
  const answers: unknown[] = [];
  const port = { onmessage: null, postMessage: (answer: unknown) => void answers.push(answer) };
  const seen: string[] = [];
  const download = new ModelDownload(port as unknown as MessagePort, 2, {
    progress: (loaded, total, path) => void seen.push(`${path} ${loaded}/${total}`),
    log: (level, message) => void seen.push(`${level} ${message}`),
  }, 1000);
  const onmessage = (port as { onmessage: unknown }).onmessage as (event: unknown) => void;
  return { download, seen, answers, say: (message) => onmessage({ data: message }) };
}

function file(path: string, pool: number, cache: number, completeAt = 1000): FromFiles {
  const bytes = new Uint8Array(pool + cache);
  return { kind: 'file', path, bytes, sources: { cache, pool, peer: 0 }, completeAt };
}

/** What the promise has come to by now. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const pending = new Promise((resolve) => setTimeout(() => resolve('pending'), 0));
  return String(await Promise.race([promise.then(() => 'done', String), pending]));
}

describe('ModelDownload', () => {
  it('has all files before they are kept', async () => {
    const { download, say, answers } = begin();
    say(file('onnx/model.onnx', 3, 0));
    expect(await stateOf(download.files)).toBe('pending');
    say(file('config.json', 0, 2));
    const files = await download.files;
    expect([...files.keys()].sort()).toEqual(['config.json', 'onnx/model.onnx']);
    expect(download.bytes).toEqual({ cache: 2, pool: 3, peer: 0 });
    expect(await stateOf(download.kept)).toBe('pending');
    expect(answers).toEqual([]);
    say({ kind: 'kept' });
    expect(await stateOf(download.kept)).toBe('done');
    // The file Worker ends only then: see kHeard.
    expect(answers).toEqual([kHeard]);
  });

  it('fails with the cause that the file Worker gives', async () => {
    const { download, say, answers } = begin();
    const report = { category: 'integrity' as const, message: 'a leaf is wrong', hint: 'add it' };
    say({ kind: 'failed', report });
    await expect(download.files).rejects.toMatchObject(report);
    await expect(download.kept).rejects.toMatchObject(report);
    expect(answers).toEqual([kHeard]);
  });

  it('has each file when it comes, and says when it was complete', async () => {
    const { download, say } = begin();
    const graph = download.file('onnx/model.onnx');
    expect(await stateOf(graph)).toBe('pending');
    say(file('onnx/model.onnx', 3, 0, 1250));
    expect((await graph).length).toBe(3);
    expect(await stateOf(download.files)).toBe('pending');
    expect(download.arrivedAt('onnx/model.onnx')).toBe(250);
    const config = download.file('config.json');
    const report = { category: 'fetch' as const, message: 'it broke off', hint: '' };
    say({ kind: 'failed', report });
    await expect(config).rejects.toMatchObject(report);
  });

  it('passes progress and log on', () => {
    const { say, seen } = begin();
    say({ kind: 'progress', path: 'config.json', loaded: 1, total: 5 });
    say({ kind: 'log', level: 'warning', message: 'not kept' });
    expect(seen).toEqual(['config.json 1/5', 'warning not kept']);
  });
});
