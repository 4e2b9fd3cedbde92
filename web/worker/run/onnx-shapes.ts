// Fixes the shapes of a model's inputs in the file itself. ONNX Runtime can fix dimensions by their
// names only, and some published models give rows and tokens the same name.

import { fields } from '../protobuf';
import { scanOnnx } from './onnx-scan';

type Piece = Uint8Array;

function varint(value: number): Piece {
  const bytes: number[] = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return new Uint8Array([...bytes, value]);
}

/** A length-delimited field. */
function message(number: number, body: readonly Piece[]): Piece[] {
  const length = body.reduce((sum, piece) => sum + piece.length, 0);
  return [varint(number * 8 + 2), varint(length), ...body];
}

const number = (field: number, value: number): Piece[] => [varint(field * 8), varint(value)];

/** The fields of `source`, in their order; `change` gives what stands in the place of one. */
function rewritten(
  source: Uint8Array,
  change: (field: number, body: Uint8Array) => Piece[] | null,
): Piece[] {
  const pieces: Piece[] = [];
  let copied = 0;
  for (const { field, body, begin, end } of positions(source)) {
    const instead = change(field, body);
    if (!instead) continue;
    pieces.push(source.subarray(copied, begin), ...instead);
    copied = end;
  }
  return [...pieces, source.subarray(copied)];
}

interface Position {
  field: number;
  body: Uint8Array;
  begin: number;
  end: number;
}

/** The length-delimited fields that are not empty, and where they lie. */
function* positions(source: Uint8Array): Generator<Position> {
  for (const { number: field, bytes: body } of fields(source)) {
    if (body.length === 0) continue;
    const start = body.byteOffset - source.byteOffset;
    const head = varint(field * 8 + 2).length + varint(body.length).length;
    yield { field, body, begin: start - head, end: start + body.length };
  }
}

/** The model with every input of [rows, tokens] fixed to this shape. Copies the file. */
export function withShape(model: Uint8Array, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const inputs = new Set(scanOnnx(model).inputs.keys());
  const dimensions = shape.flatMap((size) => message(1, number(1, size)));
  const graph = (body: Uint8Array): Piece[] =>
    rewritten(body, (field, value) =>
      field === 11 && inputs.has(nameOf(value)) ? message(11, fixed(value, dimensions)) : null,
    );
  return joined(rewritten(model, (field, body) => (field === 7 ? message(7, graph(body)) : null)));
}

/** A ValueInfo: 2 the type, 1 in it a tensor's, 2 in that its shape. */
function fixed(value: Uint8Array, dimensions: readonly Piece[]): Piece[] {
  return rewritten(value, (field, type) => {
    if (field !== 2) return null;
    const body = rewritten(type, (kind, tensor) => {
      if (kind !== 1) return null;
      const shaped = rewritten(tensor, (part) => (part === 2 ? message(2, dimensions) : null));
      return message(1, shaped);
    });
    return message(2, body);
  });
}

function nameOf(value: Uint8Array): string {
  for (const field of fields(value)) {
    if (field.number === 1) return new TextDecoder().decode(field.bytes);
  }
  return '';
}

function joined(pieces: readonly Piece[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
