// Task "voice-activity-detection": Silero VAD over a whole sound in one call, its state carried from
// frame to frame. A frame takes a fraction of a millisecond, less than a way to the pool and back.

import * as ort from 'onnxruntime-web/webgpu';
import type { Tensor } from '../../protocol/tensor';
import type { Placement, TensorSpec } from '../../protocol/values';
import { PoolError, errorText } from '../error';
import { checkInputs } from './check-inputs';
import type { Engine, EngineContext } from './engine';
import { createSession } from './ort-engine';
import { runFailure } from './ort-errors';
import type { Runtime } from './runtime';
import { frameCount, kContext, kFrame, kRate, takeFrame } from './speech-frames';

const kStateShape = [2, 1, 128];

function checkModel(session: ort.InferenceSession): void {
  const { inputNames, outputNames } = session;
  const fits =
    ['input', 'state', 'sr'].every((name) => inputNames.includes(name)) &&
    ['output', 'stateN'].every((name) => outputNames.includes(name));
  if (fits) return;
  throw new PoolError(
    'unsupported',
    `voice-activity-detection takes Silero VAD 5 or 6 (input, state, sr), and this model takes ${inputNames.join(', ')}`,
    'run it with task "tensors"',
  );
}

export class SpeechEngine implements Engine {
  readonly inputs: TensorSpec[] = [{ name: 'audio', datatype: 'FP32', shape: [-1] }];
  readonly outputs: TensorSpec[] = [{ name: 'probability', datatype: 'FP32', shape: [-1] }];

  private constructor(
    private readonly session: ort.InferenceSession,
    readonly placement: Placement | null,
  ) {}

  static async load(runtime: Runtime, context: EngineContext): Promise<SpeechEngine> {
    const { session, placement } = await createSession(runtime, context);
    checkModel(session);
    return new SpeechEngine(session, placement);
  }

  async warmUp(): Promise<void> {
    await this.detect(new Float32Array(kFrame));
  }

  async run(inputs: Tensor[]): Promise<Tensor[]> {
    checkInputs(inputs, this.inputs);
    const sound = inputs[0]?.data as Float32Array;
    if (!sound.every(Number.isFinite)) {
      throw new PoolError('invalid_input', 'the sound holds samples that are no numbers');
    }
    try {
      const data = await this.detect(sound);
      return [{ name: 'probability', datatype: 'FP32', shape: [data.length], data }];
    } catch (thrown) {
      throw runFailure(errorText(thrown));
    }
  }

  async dispose(): Promise<void> {
    await this.session.release();
  }

  private async detect(sound: Float32Array): Promise<Float32Array<ArrayBuffer>> {
    const probabilities = new Float32Array(frameCount(sound.length));
    const rate = new ort.Tensor('int64', BigInt64Array.of(BigInt(kRate)), []);
    let state = new ort.Tensor('float32', new Float32Array(2 * 128), kStateShape);
    const frame = new Float32Array(kContext + kFrame);
    for (let i = 0; i < probabilities.length; ++i) {
      takeFrame(sound, i, frame);
      const input = new ort.Tensor('float32', frame, [1, frame.length]);
      const result = await this.session.run({ input, state, sr: rate });
      probabilities[i] = Number(result['output']?.data[0]);
      state = result['stateN'] as typeof state;
    }
    return probabilities;
  }
}
