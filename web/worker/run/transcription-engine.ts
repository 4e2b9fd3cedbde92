// Task "automatic-speech-recognition": an encoder and a decoder with a cache (Whisper), one window of
// sound a call. The sound's features, the tokens that begin a transcript and the rules for those
// that follow come with the call; what the tokens mean is the caller's (docs/protocol.md).

import * as ort from 'onnxruntime-web/webgpu';
import type { Tensor } from '../../protocol/tensor';
import type { Placement, TensorSpec } from '../../protocol/values';
import type { JsonObject } from '../../protocol/frame';
import { PoolError, errorText } from '../error';
import { checkInputs } from './check-inputs';
import type { Engine, EngineContext } from './engine';
import { runFailure } from './ort-errors';
import { joinPlacements } from './placement';
import type { Runtime } from './runtime';
import { makeSession } from './session-factory';
import { sessionSettings } from './session-settings';
import { TokenDecoder } from './token-decoder';
import { applyRules, choose, logSumExp, seededRandom } from './token-rules';
import { readTranscription } from './transcription-parameters';

const kEncoder = 'encoder_model';
const kDecoder = 'decoder_model_merged';
const kStates = 'last_hidden_state';

export class TranscriptionEngine implements Engine {
  readonly inputs: TensorSpec[] = [
    { name: 'input_features', datatype: 'FP32', shape: [1, -1, 3000] },
  ];
  readonly outputs: TensorSpec[] = [
    { name: 'tokens', datatype: 'INT64', shape: [-1] },
    { name: 'logprobs', datatype: 'FP32', shape: [-1] },
    { name: 'languages', datatype: 'FP32', shape: [-1] },
    { name: 'no_speech', datatype: 'FP32', shape: [1] },
  ];

  private constructor(
    private readonly encoder: ort.InferenceSession,
    private readonly decoder: ort.InferenceSession,
    readonly placement: Placement | null,
  ) {}

  static async load(runtime: Runtime, context: EngineContext): Promise<TranscriptionEngine> {
    const sessions = new Map<string, ort.InferenceSession>();
    const placements: (Placement | null)[] = [];
    const how = sessionSettings(context.load);
    await context.components.forEach([kEncoder, kDecoder], async (name, graph) => {
      placements.push(
        await makeSession(runtime, how, graph, async (options) => {
          const { externalData } = graph;
          const all = { ...options, externalData };
          sessions.set(name, await ort.InferenceSession.create(graph.bytes, all));
        }),
      );
    });
    const encoder = sessions.get(kEncoder);
    const decoder = sessions.get(kDecoder);
    if (!encoder || !decoder) throw new PoolError('internal', 'ONNX Runtime made no session');
    checkEncoder(encoder);
    TokenDecoder.check(decoder);
    return new TranscriptionEngine(encoder, decoder, joinPlacements(placements));
  }

  async warmUp(): Promise<void> {
    // The golden gate's run is the first; it is not among the figures.
  }

  async run(inputs: Tensor[], parameters: JsonObject): Promise<Tensor[]> {
    checkInputs(inputs, this.inputs);
    const features = inputs[0] as Tensor;
    const data = features.data as Float32Array;
    if (!data.every(Number.isFinite)) {
      throw new PoolError('invalid_input', 'the features hold values that are no numbers');
    }
    const asked = readTranscription(parameters);
    try {
      const input = new ort.Tensor('float32', data, features.shape);
      const results = await this.encoder.run({ input_features: input }, [kStates]);
      const states = results[kStates] as ort.Tensor;
      return await this.transcribe(states, asked);
    } catch (thrown) {
      if (thrown instanceof PoolError) throw thrown;
      throw runFailure(errorText(thrown));
    }
  }

  async dispose(): Promise<void> {
    await this.encoder.release();
    await this.decoder.release();
  }

  private async transcribe(
    states: ort.Tensor,
    asked: ReturnType<typeof readTranscription>,
  ): Promise<Tensor[]> {
    const decoder = new TokenDecoder(this.decoder, states);
    const begin = asked.languages.length > 0 ? asked.prompt : [...asked.prompt, ...asked.then];
    const rows = await decoder.begin(begin);
    // What follows the last token of the prompt tells the language, and whether there is speech.
    const first = rows(asked.prompt.length - 1);
    const languages = languageLogprobs(first, asked.languages);
    const noSpeech = asked.noSpeech === null ? 0 : probability(first, asked.noSpeech);
    let logits = rows(begin.length - 1);
    if (asked.languages.length > 0) {
      const language = asked.languages[indexOfLargest(languages)] as number;
      for (const token of [language, ...asked.then]) logits = await decoder.next(token);
    }

    const said: number[] = [];
    const logprobs: number[] = [];
    const random = seededRandom(asked.seed);
    while (said.length < asked.maxTokens) {
      const forced = asked.force?.[said.length];
      if (asked.force && forced === undefined) break;
      if (forced === undefined) applyRules(logits, said, asked.rules);
      const { token, logprob } =
        forced === undefined
          ? choose(logits, asked.temperature, random)
          : { token: forced, logprob: (logits[forced] ?? NaN) - logSumExp(logits, 0, logits.length) };
      if (forced === undefined && token === asked.rules.end) break;
      said.push(token);
      logprobs.push(logprob);
      if (said.length < asked.maxTokens) logits = await decoder.next(token);
    }
    return [
      {
        name: 'tokens',
        datatype: 'INT64',
        shape: [said.length],
        data: BigInt64Array.from(said, BigInt),
      },
      floats('logprobs', logprobs),
      floats('languages', languages),
      floats('no_speech', [noSpeech]),
    ];
  }
}

function floats(name: string, values: readonly number[]): Tensor {
  return { name, datatype: 'FP32', shape: [values.length], data: Float32Array.from(values) };
}

function probability(logits: Float32Array, token: number): number {
  return Math.exp((logits[token] ?? -Infinity) - logSumExp(logits, 0, logits.length));
}

/** Of each of these tokens, among them. */
function languageLogprobs(logits: Float32Array, tokens: readonly number[]): number[] {
  const of = Float32Array.from(tokens, (token) => logits[token] ?? -Infinity);
  const all = logSumExp(of, 0, of.length);
  return [...of].map((logit) => logit - all);
}

function indexOfLargest(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value > (values[best] as number) ? i : best), 0);
}

function checkEncoder({ inputNames, outputNames }: ort.InferenceSession): void {
  if (inputNames.includes('input_features') && outputNames.includes(kStates)) return;
  throw new PoolError(
    'unsupported',
    `automatic-speech-recognition takes Whisper models, and this one's ${kEncoder} takes ` +
      inputNames.join(', '),
    'run its graphs one by one with task "tensors"',
  );
}
