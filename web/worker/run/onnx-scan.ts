// A look into an ONNX file without ONNX Runtime: which operators it has, whether it computes in
// fp16, which files its weights lie in, how large the largest is and what its inputs look like.

import { fields, packedVarints } from '../protobuf';

export interface Weight {
  name: string;
  bytes: number;
}

export interface OnnxScan {
  /** Nodes by operator, those of subgraphs included. */
  operators: Map<string, number>;
  /** Some weight, input or output is FLOAT16. */
  usesFp16: boolean;
  /** `location` of external data, relative to the file. */
  externalData: Set<string>;
  /** Of the graph itself, not of its subgraphs; null where it has none. */
  largestWeight: Weight | null;
  /** Dimensions by input; a name where the model leaves the size open ("" where it has none). */
  inputs: Map<string, (number | string)[]>;
}

const kFloat16 = 10;

/** Bits of an element by ONNX's number of the type; 0 for strings. */
const kBits: Record<number, number> = {
  1: 32,
  2: 8,
  3: 8,
  4: 16,
  5: 16,
  6: 32,
  7: 64,
  9: 8,
  10: 16,
  11: 64,
  12: 32,
  13: 64,
  14: 64,
  15: 128,
  16: 16,
  17: 8,
  18: 8,
  19: 8,
  20: 8,
  21: 4,
  22: 4,
  23: 4,
};

/** Throws ProtobufError where the bytes are no protobuf message at all. */
export function scanOnnx(model: Uint8Array): OnnxScan {
  const scan: OnnxScan = {
    operators: new Map(),
    usesFp16: false,
    externalData: new Set(),
    largestWeight: null,
    inputs: new Map(),
  };
  for (const field of fields(model)) {
    if (field.number !== 7) continue;
    scanGraph(field.bytes, scan);
    scanSizes(field.bytes, scan);
  }
  return scan;
}

/** The largest weight, and the inputs; older models list weights among the inputs too. */
function scanSizes(graph: Uint8Array, scan: OnnxScan): void {
  const weights = new Set<string>();
  for (const field of fields(graph)) {
    if (field.number === 5) {
      const weight = weightOf(field.bytes);
      weights.add(weight.name);
      if (weight.bytes > (scan.largestWeight?.bytes ?? -1)) scan.largestWeight = weight;
    }
    if (field.number === 11) {
      const [name, dimensions] = inputOf(field.bytes);
      scan.inputs.set(name, dimensions);
    }
  }
  for (const name of weights) scan.inputs.delete(name);
}

function weightOf(tensor: Uint8Array): Weight {
  let name = '';
  let type = 0;
  let count = 1;
  for (const field of fields(tensor)) {
    if (field.number === 1) {
      const sizes = field.bytes.length > 0 ? packedVarints(field.bytes) : [field.value];
      for (const size of sizes) count *= size;
    }
    if (field.number === 2) type = field.value;
    if (field.number === 8) name = new TextDecoder().decode(field.bytes);
  }
  return { name, bytes: Math.ceil((count * (kBits[type] ?? 0)) / 8) };
}

function inputOf(value: Uint8Array): [string, (number | string)[]] {
  let name = '';
  const dimensions: (number | string)[] = [];
  for (const field of fields(value)) {
    if (field.number === 1) name = new TextDecoder().decode(field.bytes);
    if (field.number !== 2) continue;
    for (const shape of inner(inner([field.bytes], 1), 2)) {
      for (const dimension of inner([shape], 1)) dimensions.push(sizeOf(dimension));
    }
  }
  return [name, dimensions];
}

function sizeOf(dimension: Uint8Array): number | string {
  for (const field of fields(dimension)) {
    if (field.number === 1) return field.value;
    if (field.number === 2) return new TextDecoder().decode(field.bytes);
  }
  return '';
}

/** The messages that lie under that number in any of these. */
function inner(messages: Uint8Array[], number: number): Uint8Array[] {
  return messages.flatMap((message) =>
    [...fields(message)].filter((field) => field.number === number).map(({ bytes }) => bytes),
  );
}

function scanGraph(graph: Uint8Array, scan: OnnxScan): void {
  for (const field of fields(graph)) {
    if (field.number === 1) scanNode(field.bytes, scan);
    if (field.number === 5) scanTensor(field.bytes, scan);
    if (field.number === 11 || field.number === 12) scanValue(field.bytes, scan);
  }
}

function scanNode(node: Uint8Array, scan: OnnxScan): void {
  for (const field of fields(node)) {
    if (field.number === 4) {
      const operator = new TextDecoder().decode(field.bytes);
      scan.operators.set(operator, (scan.operators.get(operator) ?? 0) + 1);
    }
    if (field.number === 5) {
      for (const part of fields(field.bytes)) {
        if (part.number === 5) scanTensor(part.bytes, scan);
        if (part.number === 6 || part.number === 11) scanGraph(part.bytes, scan);
      }
    }
  }
}

function scanTensor(tensor: Uint8Array, scan: OnnxScan): void {
  for (const field of fields(tensor)) {
    if (field.number === 2 && field.value === kFloat16) scan.usesFp16 = true;
    if (field.number === 13) {
      const [key, value] = keyAndValue(field.bytes);
      if (key === 'location') scan.externalData.add(value);
    }
  }
}

function scanValue(value: Uint8Array, scan: OnnxScan): void {
  for (const field of fields(value)) {
    if (field.number !== 2) continue;
    for (const type of fields(field.bytes)) {
      if (type.number !== 1) continue;
      for (const part of fields(type.bytes)) {
        if (part.number === 1 && part.value === kFloat16) scan.usesFp16 = true;
      }
    }
  }
}

function keyAndValue(entry: Uint8Array): [string, string] {
  let key = '';
  let value = '';
  for (const field of fields(entry)) {
    if (field.number === 1) key = new TextDecoder().decode(field.bytes);
    if (field.number === 2) value = new TextDecoder().decode(field.bytes);
  }
  return [key, value];
}
