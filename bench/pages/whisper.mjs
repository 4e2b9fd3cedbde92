// "load THREADS" loads Whisper as a user of transformers.js would; "transcribe ADDRESS" hears the
// samples there (FP32, 16 kHz), and says as JSON how long that took, in milliseconds, and the text.
let hear;

async function load(threads) {
  const { env, pipeline } = await import('/transformers/transformers.min.js');
  env.allowRemoteModels = false;
  env.allowLocalModels = true;
  env.localModelPath = '/models/';
  env.useBrowserCache = false;
  env.backends.onnx.wasm.wasmPaths = '/ort/';
  env.backends.onnx.wasm.numThreads = Number(threads);
  hear = await pipeline('automatic-speech-recognition', 'whisper', { device: 'wasm', dtype: 'q8' });
  return 'loaded';
}

async function transcribe(address) {
  const samples = new Float32Array(await (await fetch(address)).arrayBuffer());
  const begin = performance.now();
  const { text } = await hear(samples, { language: 'en', return_timestamps: true });
  return JSON.stringify({ ms: performance.now() - begin, text });
}

const socket = new WebSocket(`ws://${location.host}/socket`);
socket.onmessage = async ({ data }) => {
  const [command, argument] = data.split(' ');
  try {
    socket.send(await (command === 'load' ? load(argument) : transcribe(argument)));
  } catch (thrown) {
    socket.send(`failed: ${thrown}`);
  }
};
