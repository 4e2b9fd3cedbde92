// WebNN contexts: which device types answer, and what they compute on. A browser without a GPU or
// NPU may answer for "gpu" and "npu" all the same and compute on the CPU; only the time tells.

import type { WebNnInfo } from '../../protocol/values';
import { within } from '../deadline';

interface MlTensor {
  destroy?(): void;
}
interface MlGraph {
  destroy?(): void;
}
interface MlOperand {
  readonly shape: readonly number[];
}

/** As much of WebNN as is used here. */
export interface MlContext {
  createTensor(descriptor: object): Promise<MlTensor>;
  writeTensor(tensor: MlTensor, data: ArrayBufferView): void;
  readTensor(tensor: MlTensor): Promise<ArrayBuffer>;
  dispatch(graph: MlGraph, inputs: object, outputs: object): void;
}
interface MlBuilder {
  input(name: string, descriptor: object): MlOperand;
  matmul(a: MlOperand, b: MlOperand): MlOperand;
  build(outputs: Record<string, MlOperand>): Promise<MlGraph>;
}
declare const MLGraphBuilder: new (context: MlContext) => MlBuilder;

interface Ml {
  createContext(options: { deviceType: string }): Promise<MlContext>;
}

const kSide = 512;
const kRuns = 8;
const kMeasureDeadline = 10_000; // ms
/** A context that needs less than this part of the CPU's time does not compute on the CPU. */
const kUnlike = 0.25;

export async function probeContexts(
  ml: Ml | null,
  measure: boolean,
  deadline: number,
): Promise<WebNnInfo[]> {
  if (!ml) return [];
  const late = (): Error => new Error('too slow');
  const asked = ['cpu', 'gpu', 'npu'].map(async (deviceType) => {
    const creating = within(deadline, ml.createContext({ deviceType }), late);
    return { deviceType, context: await creating.catch(() => null) };
  });
  const times: { deviceType: string; ok: boolean; ms: number | null }[] = [];
  for (const { deviceType, context } of await Promise.all(asked)) {
    const timing = measure && context ? within(kMeasureDeadline, matmulMs(context), late) : null;
    const ms = timing ? await timing.catch(() => null) : null; // One after the other.
    times.push({ deviceType, ok: context !== null, ms });
  }
  return judge(times);
}

export function judge(
  times: readonly { deviceType: string; ok: boolean; ms: number | null }[],
): WebNnInfo[] {
  const cpu = times.find(({ deviceType }) => deviceType === 'cpu')?.ms ?? null;
  return times.map(({ deviceType, ok, ms }) => {
    let runsOn: WebNnInfo['runs_on'] = 'unknown';
    if (ok && deviceType === 'cpu') runsOn = 'cpu';
    else if (ok && ms !== null && cpu !== null) {
      runsOn = ms < cpu * kUnlike ? 'unlike-cpu' : 'like-cpu';
    }
    return { device_type: deviceType, ok, runs_on: runsOn, matmul_ms: ms };
  });
}

/** The quickest of some runs, the answer read back each time. */
async function matmulMs(context: MlContext): Promise<number> {
  const shape = { dataType: 'float32', shape: [kSide, kSide] };
  const builder = new MLGraphBuilder(context);
  const product = builder.matmul(builder.input('a', shape), builder.input('b', shape));
  const graph = await builder.build({ product });
  const make = (usage: object): Promise<MlTensor> => context.createTensor({ ...shape, ...usage });
  const a = await make({ writable: true });
  const b = await make({ writable: true });
  const out = await make({ readable: true });
  const data = Float32Array.from({ length: kSide * kSide }, (_, i) => (i % 7) - 3);
  context.writeTensor(a, data);
  context.writeTensor(b, data);
  let best = Infinity;
  for (let run = 0; run < kRuns; ++run) {
    const begin = performance.now();
    context.dispatch(graph, { a, b }, { product: out });
    await context.readTensor(out);
    best = Math.min(best, performance.now() - begin);
  }
  for (const thing of [a, b, out, graph]) thing.destroy?.();
  return best;
}
