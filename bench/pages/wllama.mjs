// "load MODEL CONTEXT BATCH" (the model's address) loads it with one thread; "answer TOKENS PROMPT"
// answers a prompt as a user's of this page would, and says as JSON what that took, in milliseconds.
let llama;

async function load(model, context, batch) {
  const { Wllama } = await import('/wllama/index.js');
  llama = new Wllama({ default: '/wllama/wasm/wllama.wasm' }, { suppressNativeLog: true });
  llama.setCompat(null);
  const blob = await (await fetch(model)).blob();
  await llama.loadModel([blob], {
    n_ctx: Number(context),
    n_threads: 1,
    n_gpu_layers: 0,
    n_batch: Number(batch),
    n_ubatch: Number(batch),
  });
  return String(blob.size);
}

async function answer(tokens, prompt) {
  const begin = performance.now();
  let first = 0;
  let timings = {};
  await llama.createChatCompletion({
    messages: [{ role: 'user', content: prompt }],
    max_tokens: Number(tokens),
    temperature: 0,
    cache_prompt: false,
    stream: true,
    onData: (chunk) => {
      if (chunk.choices[0]?.delta.content) first ||= performance.now();
      timings = chunk.timings ?? timings;
    },
  });
  const end = performance.now();
  const { prompt_ms: promptMs, predicted_n: count } = timings;
  return JSON.stringify({ first_ms: first - begin, rest_ms: end - first, prompt_ms: promptMs, count });
}

const socket = new WebSocket(`ws://${location.host}/socket`);
socket.onmessage = async ({ data }) => {
  const [command, one, ...rest] = data.split(' ');
  try {
    socket.send(await (command === 'load' ? load(one, ...rest) : answer(one, rest.join(' '))));
  } catch (thrown) {
    socket.send(`failed: ${thrown}`);
  }
};
