import { beforeEach, describe, expect, it } from 'vitest';
import type { PoolMessage } from '../../protocol/messages';
import type { Capabilities } from '../../protocol/values';
import {
  FakeLink,
  FakeRunners,
  capabilities,
  loadMessage,
  runMessage,
  shared,
} from './fakes.test-util';
import { WarmRunners } from './runner';
import { WorkerHost, usualThreads } from './worker-host';

const kGpu = {
  vendor: 'v',
  architecture: '',
  device: '',
  description: '',
  software: false,
  shader_f16: true,
  limits: {
    max_buffer_size: 1,
    max_storage_buffer_binding_size: 1,
    max_compute_workgroup_storage_size: 1,
    max_compute_invocations_per_workgroup: 1,
  },
  features: ['shader-f16'],
  subgroup_min_size: null,
  subgroup_max_size: null,
};

describe('WorkerHost', () => {
  let link: FakeLink;
  let runners: FakeRunners;
  let host: WorkerHost;
  let said: string[];

  const make = (found: Partial<Capabilities> = {}): WorkerHost =>
    new WorkerHost({
      link,
      runners,
      capabilities: { ...capabilities, ...found },
      memory: async () => ({ js_heap: 1, opfs_used: null, opfs_quota: null }),
      status: () => undefined,
      onPeers: (message) => void said.push(message.type),
      shared,
    });
  type Request = PoolMessage extends infer M ? Omit<M & { type: string }, 'received'> : never;
  const tell = (message: Request | object): void =>
    host.onMessage({ received: [], ...message } as unknown as PoolMessage, 0);

  beforeEach(() => {
    link = new FakeLink();
    said = [];
    runners = new FakeRunners();
    host = make();
  });

  it('answers pings and echoes by itself', () => {
    tell({ type: 'ping', id: 7 });
    tell({ type: 'echo', id: 1, inputs: [] });
    expect(link.brief).toEqual(['pong 7', 'echo 1']);
  });

  it('answers a request that its own fault keeps it from serving', () => {
    const broken = () => {
      throw new ReferenceError("Can't find variable: SharedArrayBuffer");
    };
    host = new WorkerHost({
      link,
      runners,
      capabilities,
      memory: async () => ({ js_heap: 1, opfs_used: null, opfs_quota: null }),
      status: () => undefined,
      onPeers: () => undefined,
      shared: broken,
    });
    tell(loadMessage(1));
    expect(link.sent.at(-1)).toMatchObject({ type: 'error', id: 1, category: 'internal' });
  });

  it('loads, runs and unloads a model', async () => {
    tell(loadMessage(1));
    runners.all[0]!.loaded();
    tell(runMessage(2));
    runners.all[0]!.result(2);
    tell({ type: 'stats', id: 3 });
    await Promise.resolve();
    tell({ type: 'unload', id: 4, model: 'm' });
    expect(link.brief).toEqual(['loaded 1', 'result 2', 'stats 3', 'unloaded 4']);
    expect(link.sent[2]).toMatchObject({
      models: [{ model: 'm', backend: 'wasm', runs: 1, open: 0, bytes: 10 }],
    });
    expect(runners.all[0]!.terminated).toBe(true);
  });

  it('hands on what is about other pages, and answers nothing', () => {
    tell({ type: 'peers', self: 'a.1', files: [{ cid: 'bafkreia', peers: ['b.2'] }] });
    tell({ type: 'signal', peer: 'b.2', kind: 'offer', text: '{}' });
    expect(said).toEqual(['peers', 'signal']);
    expect(link.sent).toEqual([]);
  });

  it('ignores a request that it has already', () => {
    tell(loadMessage(1));
    tell(loadMessage(1));
    expect(runners.all).toHaveLength(1);
    tell({ type: 'echo', id: 2, inputs: [] });
    tell({ type: 'echo', id: 2, inputs: [] });
    expect(link.brief).toEqual(['echo 2']);
  });

  it('refuses a second model under the same handle', () => {
    tell(loadMessage(1));
    tell(loadMessage(2));
    expect(link.brief).toEqual(['error 2 invalid_argument']);
  });

  it('refuses a run of a model that is not there', () => {
    tell(runMessage(1));
    expect(link.brief).toEqual(['error 1 not_found']);
  });

  it('never puts another backend in the place of the one asked for', () => {
    tell(loadMessage(1, 'a', { backend: 'webgpu' }));
    tell(loadMessage(2, 'b', { backend: 'webnn' }));
    expect(link.brief).toEqual(['error 1 unsupported', 'error 2 unsupported']);
    expect(runners.all).toHaveLength(0);
  });

  it('gives each backend the script with its own runtime', () => {
    host = make({ webgpu: kGpu });
    tell(loadMessage(1, 'a'));
    tell(loadMessage(2, 'b', { backend: 'webgpu' }));
    expect(runners.all.map((runner) => runner.bundle)).toEqual(['wasm', 'webgpu']);
    expect(runners.all[1]!.got[0]).toMatchObject({ webgpu: kGpu });
  });

  it('runs WebNN where a context answered, and not elsewhere', () => {
    const context = { device_type: 'cpu', ok: true, runs_on: 'cpu', matmul_ms: null } as const;
    host = make({ webnn: [{ ...context, ok: false }] });
    tell(loadMessage(1, 'a', { backend: 'webnn' }));
    expect(link.brief).toEqual(['error 1 unsupported']);
    host = make({ webnn: [context] });
    tell(loadMessage(2, 'b', { backend: 'webnn' }));
    expect(runners.all.map((runner) => runner.bundle)).toEqual(['webgpu']);
  });

  it('checks a model in its own Worker, and the page in a new one', () => {
    tell(loadMessage(1));
    runners.all[0]!.loaded();
    tell({ type: 'check', id: 2, model: 'm' });
    tell({ type: 'check', id: 3, model: '' });
    tell({ type: 'check', id: 4, model: 'unheard of' });
    const checked = { kind: 'checked', ok: true, ms: 1, message: '' } as const;
    runners.all[0]!.onMessage({ ...checked, id: 2 });
    expect(runners.all[0]!.terminated).toBe(false);
    runners.all[1]!.onMessage({ ...checked, id: 3 });
    expect(runners.all[1]!.terminated).toBe(true);
    expect(link.brief).toEqual(['loaded 1', 'error 4 not_found', 'checked 2', 'checked 3']);
  });

  it('says so where no Worker can be started for a check', () => {
    tell({ type: 'check', id: 1, model: '' });
    runners.all[0]!.onFailure('its script was not loaded');
    expect(link.sent).toMatchObject([{ type: 'checked', id: 1, ok: false }]);
  });

  it('adds up what the Workers hold', async () => {
    tell(loadMessage(1, 'a'));
    tell(loadMessage(2, 'b'));
    runners.all.forEach((runner) => runner.loaded());
    tell({ type: 'stats', id: 3 });
    await Promise.resolve();
    await Promise.resolve();
    expect(link.sent.at(-1)).toMatchObject({ type: 'stats', memory: { wasm: 128, gpu: null } });
  });

  it('takes the threads of the load, or chooses by the cores', () => {
    tell(loadMessage(1, 'a', { threads: 3 }));
    tell(loadMessage(2, 'b', { threads: 0 }));
    expect(runners.all.map((runner) => runner.threads)).toEqual([3, 1]);
    expect([1, 2, 4, 8, 64].map(usualThreads)).toEqual([1, 1, 2, 4, 4]);
  });

  it('answers a drain after the last run and load that came before it', () => {
    tell(loadMessage(1));
    runners.all[0]!.loaded();
    tell(runMessage(2));
    tell({ type: 'drain', id: 3 });
    expect(link.brief).toEqual(['loaded 1']);
    runners.all[0]!.result(2);
    expect(link.brief).toEqual(['loaded 1', 'result 2', 'drained 3']);
    tell({ type: 'drain', id: 4 });
    expect(link.brief.at(-1)).toBe('drained 4');
  });

  it('cancels, and ignores a cancel for what it does not know', () => {
    tell(loadMessage(1));
    tell({ type: 'cancel', id: 99 });
    tell({ type: 'cancel', id: 1 });
    expect(link.brief).toEqual(['error 1 cancelled']);
    tell(loadMessage(2));
    expect(runners.all).toHaveLength(2);
  });

  it('sends again after a break what the pool waits for, and nothing else', () => {
    tell({ type: 'echo', id: 1, inputs: [] });
    tell({ type: 'echo', id: 2, inputs: [] });
    tell({ type: 'echo', id: 3, inputs: [] });
    host.onMessage({ type: 'ping', id: 1, received: [1] }, 0);
    expect(host.outbox.known()).toEqual([2, 3]);
    link.sent.length = 0;
    host.resume([3]);
    expect(link.brief).toEqual(['echo 3']);
  });

  it('tells of an answer that is too large for a frame', () => {
    tell(loadMessage(1));
    runners.all[0]!.loaded();
    tell(runMessage(2));
    link.tooLarge = true;
    runners.all[0]!.result(2);
    expect(link.brief).toEqual(['loaded 1', 'error 2 unsupported']);
  });

  it('hands a Worker that was kept ready to the first model of its backend', () => {
    const warm = new WarmRunners(runners);
    warm.warm('wasm', 2);
    expect(warm.spawn('wasm', 2)).toBe(runners.all[0]);
    expect(warm.spawn('wasm', 2)).not.toBe(runners.all[0]);
  });

  it.each([
    ['another backend', 'webgpu', 2],
    ['other threads', 'wasm', 1],
  ] as const)('ends a Worker that was kept ready for %s', (_, bundle, threads) => {
    const warm = new WarmRunners(runners);
    warm.warm('wasm', 2);
    expect(warm.spawn(bundle, threads)).toBe(runners.all[1]);
    expect(runners.all[0]!.terminated).toBe(true);
  });

  it('does not hand out a kept Worker that failed', () => {
    const warm = new WarmRunners(runners);
    warm.warm('wasm', 1);
    runners.all[0]!.onFailure('not loaded');
    expect(warm.spawn('wasm', 1)).toBe(runners.all[1]);
  });
});
