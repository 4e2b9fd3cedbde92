// Which execution provider really got the nodes that matter. ONNX Runtime tells it in one place
// only: its verbose log, while a session is made. ("  MatMul (/layer/0)" under "Node(s) placed on
// [WebGpuExecutionProvider]"; where one provider got all nodes, only their number.)

import type { Placement } from '../../protocol/values';

/** The operators that make up nearly all of a model's work; fused and quantised forms too. */
export function isCounted(operator: string): boolean {
  return /MatMul|Gemm|Conv(?!ert)|Attention/.test(operator);
}

const kBegin = /VerifyEachNodeIsAssignedToAnEp\] *Node placements/;
const kAll = /VerifyEachNodeIsAssignedToAnEp\] *All nodes placed on \[(\w+)\]/;
const kSome = /VerifyEachNodeIsAssignedToAnEp\] *Node\(s\) placed on \[(\w+)\]/;
const kNode = /VerifyEachNodeIsAssignedToAnEp\] *([\w.]+) \(/;

/**
 * Reads the log of one session's making. `operators` are the nodes of the model's file, counted
 * where one provider got all of them. Null where the log does not tell.
 */
export function readPlacement(
  lines: readonly string[],
  backendProvider: string,
  operators: ReadonlyMap<string, number>,
): Placement | null {
  const begin = lines.findIndex((line) => kBegin.test(line));
  if (begin < 0) return null;
  const byProvider: Record<string, number> = {};
  let provider = '';
  for (const line of lines.slice(begin + 1)) {
    const all = kAll.exec(line)?.[1];
    if (all) {
      byProvider[all] = countIn(operators);
      break;
    }
    const some = kSome.exec(line)?.[1];
    if (some) {
      provider = some;
      byProvider[provider] ??= 0;
      continue;
    }
    const operator = kNode.exec(line)?.[1];
    if (!operator || !provider) break;
    if (isCounted(operator)) byProvider[provider] = (byProvider[provider] ?? 0) + 1;
  }
  if (Object.keys(byProvider).length === 0) return null;
  const counted = Object.values(byProvider).reduce((sum, count) => sum + count, 0);
  return { counted, on_backend: byProvider[backendProvider] ?? 0, by_provider: byProvider };
}

/** Of a model with several graphs. Null where one of them is not known. */
export function joinPlacements(all: readonly (Placement | null)[]): Placement | null {
  const sum: Placement = { counted: 0, on_backend: 0, by_provider: {} };
  for (const placement of all) {
    if (!placement) return null;
    sum.counted += placement.counted;
    sum.on_backend += placement.on_backend;
    for (const [provider, count] of Object.entries(placement.by_provider)) {
      sum.by_provider[provider] = (sum.by_provider[provider] ?? 0) + count;
    }
  }
  return sum;
}

function countIn(operators: ReadonlyMap<string, number>): number {
  let count = 0;
  for (const [operator, nodes] of operators) if (isCounted(operator)) count += nodes;
  return count;
}
