// Loads, cancels, breaks: what has to hold in every browser.
import { Buffer } from 'node:buffer';

const sizeOf = (files) => files.reduce((sum, { size }) => sum + size, 0);

export async function checkLife(bench) {
  const { args, check, checkEmbedding, embed, errorOf, kSentences, load, loadOf } = bench;
  const { keepsFiles, pause, q4, read, server, within, withPage } = bench;

  await withPage('second start', async (session) => {
    if (args.only) await load(session, q4, { model: 'first' });
    server.requests.length = 0;
    const loaded = await load(session, q4);
    const asked = server.requests.filter((request) => request.includes('/ipfs/'));
    check(
      keepsFiles ? 'no model byte over the network' : 'all bytes again, from the pool',
      keepsFiles
        ? asked.length === 0 && loaded.timings?.bytes_network === 0
        : loaded.timings?.bytes_cache === 0,
      JSON.stringify(loaded.timings ?? errorOf(loaded)),
    );
    checkEmbedding('embedding', await embed(session));
  });

  await withPage('cancel, heartbeat, queue', async (session) => {
    await load(session, q4);
    const many = new Array(400).fill(
      'A sentence that is long enough to keep the thread busy for a while.',
    );
    const slow = embed(session, many);
    const second = embed(session, ['a']);
    const third = embed(session, ['b']);
    await pause(700);
    session.send({ type: 'ping', id: 1 });
    session.send({ type: 'cancel', id: second.id });
    session.send({ type: 'cancel', id: third.id });
    while (session.pongs === 0 && session.open.has(slow.id)) await pause(10);
    check('pong while a model runs', session.open.has(slow.id));
    check(
      'a call in the inbox is dropped',
      (await within(2000, second, 'cancel')).category === 'cancelled',
    );
    check(
      'a waiting call is dropped',
      (await within(2000, third, 'cancel')).category === 'cancelled',
    );
    const other = embed(session, ['c']);
    const at = performance.now();
    session.send({ type: 'cancel', id: slow.id });
    const ended = await within(5000, slow, 'cancel of the running call');
    check(
      'a running call is cancelled',
      ended.category === 'cancelled' && ended.lost[0] === 'm',
      `${(performance.now() - at).toFixed(0)} ms`,
    );
    check('what waited with it is lost', (await other).category === 'worker_lost');
    check('the model is gone', (await embed(session)).category === 'not_found');
    check('and can be loaded again', (await load(session, q4)).type === 'loaded');
    checkEmbedding('embedding', await embed(session));
    const run = embed(session);
    const drained = session.ask({ type: 'drain' });
    await drained;
    check('drained after the last run', session.open.size === 0 && (await run).type === 'result');
    check('unloaded', (await session.ask({ type: 'unload', model: 'm' })).type === 'unloaded');
    const slowLoad = session.ask(loadOf(q4));
    await pause(30);
    session.send({ type: 'cancel', id: slowLoad.id });
    check('a load is cancelled', (await slowLoad).category === 'cancelled');
  });

  await withPage('a connection that breaks', async (session) => {
    await load(session, q4);
    const run = embed(session, new Array(60).fill(kSentences[0]));
    await pause(100);
    session.socket.terminate();
    const answer = await within(20000, run, 'answer after the break');
    check('the run goes on and is answered', answer.type === 'result', errorOf(answer));
    check('the page resumed its session', session.hello.resume === session.id);
    checkEmbedding('embedding', await embed(session));
  });

  await withPage('bad leaves', async (session) => {
    const bytes = new Uint8Array(read(args.minilm, 'onnx/model_q4.onnx_data'));
    bytes[7] ^= 1; // Another file than the one kept before.
    const files = server.addFiles({
      'onnx/model_q4.onnx': read(args.minilm, 'onnx/model_q4.onnx'),
      'onnx/model_q4.onnx_data': bytes,
    });
    const cid = files[1].cid;
    let wrong = 1;
    server.hooks.onIpfs = (request, response, asked) => {
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      if (asked !== cid || from === undefined || wrong === 0) return false;
      const [start, end] = [Number(from), Number(to) + 1];
      const at = 20 * 1048576 + 5;
      if (at < start || at >= end) return false;
      wrong -= 1;
      const piece = Buffer.from(bytes.subarray(start, end));
      piece[at - start] ^= 1;
      response
        .writeHead(206, {
          'content-length': piece.length,
          'cross-origin-resource-policy': 'same-origin',
        })
        .end(piece);
      return true;
    };
    const all = [...q4.slice(0, 3), ...files];
    wrong = 2;
    const refused = await load(session, all);
    check(
      'wrong twice: refused by name',
      refused.category === 'integrity' && /^leaf bafkrei/.test(refused.message),
      errorOf(refused),
    );
    wrong = 1;
    const loaded = await load(session, all);
    check('wrong once: fetched again', loaded.type === 'loaded', errorOf(loaded));
    server.hooks.onIpfs = null;
  });

  await withPage('two threads', async (session) => {
    const loaded = await load(session, q4, { threads: 2 });
    check('loaded', loaded.type === 'loaded', errorOf(loaded));
    checkEmbedding('embedding', await embed(session));
  });

  await withPage('two Workers, one file', async (session) => {
    const graph = read(args.minilm, 'onnx/model_q4.onnx');
    const bytes = new Uint8Array(read(args.minilm, 'onnx/model_q4.onnx_data'));
    bytes[8] ^= 1;
    const files = [
      ...q4.slice(0, 3),
      ...server.addFiles({ 'onnx/model_q4.onnx': graph, 'onnx/model_q4.onnx_data': bytes }),
    ];
    const both = await Promise.all([
      load(session, files, { model: 'a' }),
      load(session, files, { model: 'b' }),
    ]);
    const network = both.reduce((sum, { timings }) => sum + (timings?.bytes_network ?? NaN), 0);
    if (keepsFiles) check('fetched once', network === bytes.length, `${network} bytes`);
    else check('fetched by each', network === 2 * sizeOf(files), `${network} bytes`);
    const at = performance.now();
    await Promise.all(
      ['a', 'b'].flatMap((model) => [1, 2, 3].map(() => embed(session, kSentences, model))),
    );
    check('both run', true, `${((18 / (performance.now() - at)) * 1000).toFixed(1)} sentences/s`);
  });

  await withPage('echo', async (session) => {
    const data = new Float32Array(262144).map((_, i) => i);
    const tensor = [{ name: 'x', datatype: 'FP32', shape: [data.length], data }];
    const echo = () => session.ask({ type: 'echo' }, tensor);
    const first = await echo();
    check(
      'the bytes come back',
      Buffer.compare(
        Buffer.from(first.outputs[0].data.buffer, first.outputs[0].data.byteOffset, 4 * data.length),
        Buffer.from(data.buffer),
      ) === 0,
    );
    for (let i = 0; i < 20; ++i) await echo();
    const at = performance.now();
    for (let i = 0; i < 60; ++i) await echo();
    check(
      '1 MiB there and back',
      true,
      `${((60 / (performance.now() - at)) * 1000).toFixed(0)} MiB/s, one at a time`,
    );
  });

  {
    const bytes = new Uint8Array(read(args.minilm, 'onnx/model_q4.onnx_data'));
    bytes[9] ^= 1;
    const files = server.addFiles({
      'onnx/model_q4.onnx': read(args.minilm, 'onnx/model_q4.onnx'),
      'onnx/model_q4.onnx_data': bytes,
    });
    await withPage('killed while it loads', async (session, browser) => {
      void session.ask(loadOf([...q4.slice(0, 3), ...files]));
      const started = () => session.progress.some(({ loaded }) => loaded > bytes.length / 4);
      while (!started()) await pause(5);
      await browser.kill();
      check(
        'killed in the middle',
        session.progress.every(({ loaded }) => loaded < bytes.length),
      );
    });
    await withPage('killed while it loads: the next start', async (session) => {
      const again = await load(session, [...q4.slice(0, 3), ...files]);
      check(
        'loads',
        again.timings?.bytes_network === (keepsFiles ? bytes.length : sizeOf(q4)),
        JSON.stringify(again.timings ?? errorOf(again)),
      );
      checkEmbedding('embedding', await embed(session));
      const third = await load(session, [...q4.slice(0, 3), ...files], { model: 'third' });
      check('and was kept', (third.timings?.bytes_network === 0) === keepsFiles);
    });
  }


  await withPage('check', async (session) => {
    const checkOf = (model) => within(60000, session.ask({ type: 'check', model }), 'check');
    const page = await checkOf('');
    check('the page can compute', page.ok === true, JSON.stringify(page));
    await load(session, q4);
    const run = embed(session, new Array(40).fill(kSentences[0]));
    const model = checkOf('m');
    const order = await Promise.race([run.then(() => 'run'), model.then(() => 'check')]);
    check('after the run before it', order === 'run');
    check('the model can compute', (await model).ok === true, JSON.stringify(await model));
    const stats = await session.ask({ type: 'stats' });
    check(
      'its heap is counted',
      stats.models[0]?.wasm_bytes > 5e7 && stats.memory.wasm === stats.models[0].wasm_bytes,
      JSON.stringify(stats),
    );
  });

  if (args.browser === 'firefox') await checkHidden(bench);
  if (args.webgpu) await checkLostGpu(bench);
}

/** A page behind another one: browsers slow down the timers of such pages. */
async function checkHidden(bench) {
  const { check, checkEmbedding, embed, errorOf, load, pause, q4, server, within, withPage } = bench;
  const other = server.newSession('&warm=none');
  const work = async (session) => {
    await within(30000, other.session.greeted, 'hello of the page in front');
    const loaded = await load(session, q4);
    check('loaded', loaded.type === 'loaded', errorOf(loaded));
    for (let i = 0; i < 40; ++i) await embed(session);
    let at = performance.now();
    checkEmbedding('embedding', await embed(session));
    const run = performance.now() - at;
    at = performance.now();
    session.send({ type: 'ping', id: 1 });
    while (session.pongs === 0) await pause(1);
    check('a ping is answered at once', performance.now() - at < 200);
    const { hello } = session;
    session.socket.terminate();
    at = performance.now();
    while (session.hello === hello && performance.now() - at < 5000) await pause(1);
    const back = performance.now() - at;
    check('it comes back at once', back < 2000, `${back.toFixed(0)} ms; a run: ${run.toFixed(0)} ms`);
    checkEmbedding('embedding after the break', await embed(session));
  };
  await withPage('hidden page', work, '', other.url);
}

/** The browser's GPU process is killed while a model runs on it. */
async function checkLostGpu(bench) {
  const { check, checkEmbedding, embed, errorOf, kSentences, load, q4, within, withPage } = bench;
  const work = async (session, browser) => {
    const process = browser.gpuProcess();
    if (!process) return console.log('     this browser has no GPU process of its own: skipped');
    const loaded = await load(session, q4, { backend: 'webgpu' });
    check('loaded', loaded.type === 'loaded', errorOf(loaded));
    const checked = await within(60000, session.ask({ type: 'check', model: 'm' }), 'check');
    check('computes', checked.ok === true, JSON.stringify(checked));
    const run = embed(session, new Array(20).fill(kSentences[0]));
    const next = embed(session, ['b']);
    await bench.pause(300);
    const at = performance.now();
    process.kill();
    const ended = await within(20000, run, 'the end of the run');
    check(
      'the run fails as lost',
      ended.category === 'worker_lost' && ended.lost?.[0] === 'm',
      `${errorOf(ended)}; ${(performance.now() - at).toFixed(0)} ms`,
    );
    check('what waited too', (await within(2000, next, 'next')).category === 'worker_lost');
    check('the model is gone', (await embed(session)).category === 'not_found');
    const wasm = await load(session, q4);
    check('another backend in the same page', wasm.type === 'loaded', errorOf(wasm));
    checkEmbedding('embedding', await embed(session));
    const again = await load(session, q4, { model: 'again', backend: 'webgpu' });
    check('WebGPU again', again.type === 'loaded', errorOf(again));
    if (again.type !== 'loaded') return;
    checkEmbedding('embedding', await within(60000, embed(session, kSentences, 'again'), 'run'));
  };
  await withPage('a lost GPU', work, '&warm=webgpu');
}
