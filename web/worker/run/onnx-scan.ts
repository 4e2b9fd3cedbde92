// A look into an ONNX file without ONNX Runtime: which operators it has, whether it computes in
// fp16, and which files its weights lie in.

import { fields } from '../protobuf';

export interface OnnxScan {
  /** Nodes by operator, those of subgraphs included. */
  operators: Map<string, number>;
  /** Some weight, input or output is FLOAT16. */
  usesFp16: boolean;
  /** `location` of external data, relative to the file. */
  externalData: Set<string>;
}

const kFloat16 = 10;

/** Throws ProtobufError where the bytes are no protobuf message at all. */
export function scanOnnx(model: Uint8Array): OnnxScan {
  const scan: OnnxScan = { operators: new Map(), usesFp16: false, externalData: new Set() };
  for (const field of fields(model)) if (field.number === 7) scanGraph(field.bytes, scan);
  return scan;
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
