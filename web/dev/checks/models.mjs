// What each backend computes, and what can't run.
import { Buffer } from 'node:buffer';
import { existsSync } from 'node:fs';

const kHalfModel = Buffer.from([
  8, 8, 58, 55, 10, 16, 10, 1, 120, 18, 1, 121, 34, 8, 73, 100, 101, 110, 116, 105, 116, 121, 18, 1,
  103, 90, 15, 10, 1, 120, 18, 10, 10, 8, 8, 10, 18, 4, 10, 2, 8, 1, 98, 15, 10, 1, 121, 18, 10, 10,
  8, 8, 10, 18, 4, 10, 2, 8, 1, 66, 2, 16, 13,
]);

const canRunHalf = (session, backend) =>
  backend !== 'webgpu' || session.hello.capabilities.webgpu?.shader_f16 === true;

export async function checkModels(bench) {
  const { args, check, checkEmbedding, checkPlaced, checkReference, embed, errorOf, graph } = bench;
  const { keepsFiles, load, q4, read, server, withPage } = bench;

  await withPage('q4 on wasm', async (session) => {
    const { capabilities } = session.hello;
    check(
      'capabilities',
      capabilities.cross_origin_isolated && capabilities.wasm.threads,
      JSON.stringify(capabilities),
    );
    check('OPFS', capabilities.opfs === keepsFiles);
    check('no adapter is called hardware', capabilities.webgpu?.software !== false);
    const loaded = await load(session, q4);
    check('loaded', loaded.type === 'loaded', JSON.stringify(loaded.timings ?? errorOf(loaded)));
    checkPlaced('placement', loaded);
    checkEmbedding('embedding', await embed(session));
    check(
      'progress',
      session.progress.some(({ phase }) => phase === 'fetch'),
      `${session.progress.length} messages`,
    );
    const stats = await session.ask({ type: 'stats' });
    check(
      'stats',
      stats.models[0]?.runs === 1 && (!keepsFiles || stats.memory.opfs_used > 5e7),
      JSON.stringify(stats.memory),
    );
  });

  await withPage('models that can not run', async (session) => {
    const graph = read(args.minilm, 'onnx/model_q4.onnx');
    const tensors = (name, bytes, more = {}) =>
      load(session, server.addFiles({ [name]: bytes }), { model: name, task: 'tensors', ...more });
    const cases = [
      ['cut off', graph.subarray(0, graph.length / 2), 'invalid_model'],
      ['not ONNX', Buffer.from('<!doctype html><p>not a model'), 'invalid_model'],
      ['empty', Buffer.alloc(0), 'invalid_model'],
      ['without its external data', graph, 'invalid_model'],
    ];
    for (const [what, bytes, category] of cases) {
      const answer = await tensors(`${what}.onnx`, bytes);
      check(what, answer.category === category, errorOf(answer));
    }
    const half = await tensors('half.onnx', kHalfModel, { backend: 'webgpu' });
    const canHalf = canRunHalf(session, 'webgpu');
    check(
      canHalf ? 'fp16 with shader-f16' : 'fp16 without shader-f16',
      canHalf ? half.type === 'loaded' : half.category === 'unsupported',
      errorOf(half),
    );
    const halfWasm = await tensors('half-wasm.onnx', kHalfModel);
    check('fp16 on wasm loads', halfWasm.type === 'loaded', errorOf(halfWasm));
    const bits = new Uint16Array([0x3c00]);
    const ran = await session.ask({ type: 'run', model: 'half-wasm.onnx', parameters: {} }, [
      { name: 'x', datatype: 'FP16', shape: [1], data: bits },
    ]);
    check('fp16 there and back', ran.outputs?.[0]?.data[0] === 0x3c00, errorOf(ran));
    if (session.hello.capabilities.webnn.length === 0) {
      const webnn = await load(session, q4, { model: 'n', backend: 'webnn' });
      check('webnn is not replaced', webnn.category === 'unsupported', errorOf(webnn));
    }
    const task = await load(session, q4, { model: 't', task: 'poetry' });
    check('unknown task', task.category === 'unsupported', errorOf(task));
  });

  for (const backend of ['wasm', 'webgpu', 'webnn']) {
    if (backend !== 'wasm' && !args[backend]) continue;
    const models = [
      ['q4', () => q4, 'q4', 0.99],
      ['fp32', () => args.fp32 && graph(args.fp32), 'fp32', 0.999],
      ['fp16', () => args.fp16 && graph(args.fp16), 'fp32', 0.999],
    ];
    for (const [dtype, filesOf, reference, least] of models) {
      const files = filesOf();
      if (!files) continue;
      await withPage(
        `${dtype} on ${backend}: reference`,
        async (session) => {
          const loaded = await load(session, files, { backend, dtype });
          const refused = dtype === 'fp16' && !canRunHalf(session, backend);
          if (refused) {
            check('fp16 is refused', loaded.category === 'unsupported', errorOf(loaded));
            return;
          }
          check(
            'loaded',
            loaded.type === 'loaded',
            JSON.stringify(loaded.timings ?? errorOf(loaded)),
          );
          if (backend === 'webnn' && dtype === 'q4') {
            const { on_backend: taken } = loaded.placement ?? {};
            check('4-bit products are not said to be on WebNN', taken === 0, `${taken}`);
          } else checkPlaced('placement', loaded);
          await checkReference(session, reference, least);
        },
        backend === 'wasm' ? '' : '&warm=webgpu',
      );
    }
  }

  if (args.silero && existsSync(args.silero)) {
    await withPage('raw tensors', async (session) => {
      const files = server.addFiles({ 'silero_vad.onnx': read(args.silero) });
      const loaded = await load(session, files, { task: 'tensors', dtype: '' });
      check(
        'signature',
        JSON.stringify(loaded.inputs) ===
          JSON.stringify([
            { name: 'input', datatype: 'FP32', shape: [-1, -1] },
            { name: 'state', datatype: 'FP32', shape: [2, -1, 128] },
            { name: 'sr', datatype: 'INT64', shape: [] },
          ]),
        JSON.stringify(loaded.inputs ?? errorOf(loaded)),
      );
      const input = { name: 'input', datatype: 'FP32', shape: [1, 512], data: new Float32Array(512) };
      const state = {
        name: 'state',
        datatype: 'FP32',
        shape: [2, 1, 128],
        data: new Float32Array(256),
      };
      const sr = { name: 'sr', datatype: 'INT64', shape: [], data: new BigInt64Array([16000n]) };
      const run = (...inputs) => session.ask({ type: 'run', model: 'm', parameters: {} }, inputs);
      const quiet = await run(input, state, sr);
      check(
        'silence is no speech',
        quiet.outputs?.[0]?.data[0] < 0.1,
        quiet.outputs?.[0]?.data[0] ?? errorOf(quiet),
      );
      const wrong = await run(input, state, { ...sr, name: 'rate' });
      check('wrong name', wrong.category === 'invalid_input', errorOf(wrong));
      const type = await run(input, state, {
        ...sr,
        datatype: 'INT32',
        data: new Int32Array([16000]),
      });
      check('wrong type', type.category === 'invalid_input', errorOf(type));
      const shape = await run(input, { ...state, shape: [1, 2, 128] }, sr);
      check('wrong shape', shape.category === 'invalid_input', errorOf(shape));
      const at = performance.now();
      for (let i = 0; i < 200; ++i) await run(input, state, sr);
      check('runs', true, `${((performance.now() - at) / 200).toFixed(2)} ms each`);
    });
  }

}
