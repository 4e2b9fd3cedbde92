// "prepare GRAPH [DATA…]" (addresses) brings ONNX Runtime, the graph and its external data into
// memory; "create" makes a session of them and answers how many milliseconds it took.
let ort;
let model;
let externalData;

async function prepare(graph, ...data) {
  ort = await import('/ort/ort.wasm.min.mjs');
  await import('/ort/ort-wasm-simd-threaded.mjs'); // Its loader, parsed.
  const bytes = async (from) => (await fetch(from)).arrayBuffer();
  ort.env.wasm.wasmBinary = await bytes('/ort/ort-wasm-simd-threaded.wasm');
  ort.env.wasm.wasmPaths = '/ort/';
  ort.env.wasm.numThreads = 1;
  model = new Uint8Array(await bytes(graph));
  externalData = [];
  for (const url of data) {
    const path = url.slice(url.lastIndexOf('/') + 1);
    externalData.push({ path, data: new Uint8Array(await bytes(url)) });
  }
  return String(model.length);
}

async function create() {
  const begin = performance.now();
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    externalData,
  });
  const milliseconds = performance.now() - begin;
  await session.release();
  return String(milliseconds);
}

const socket = new WebSocket(`ws://${location.host}/socket`);
socket.onmessage = async ({ data }) => {
  const [command, ...urls] = data.split(' ');
  try {
    socket.send(await (command === 'prepare' ? prepare(...urls) : create()));
  } catch (thrown) {
    socket.send(`failed: ${thrown}`);
  }
};
