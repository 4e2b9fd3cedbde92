// The few bytes of protobuf's wire format that dag-pb, UnixFS and a look into an ONNX file need.

export interface Field {
  number: number;
  /** Varints and fixed values; 0 for length-delimited fields. */
  value: number;
  /** The body of a length-delimited field: a view, not a copy. */
  bytes: Uint8Array;
}

const kNone = new Uint8Array(0);

/** Thrown for bytes that are no protobuf message. */
export class ProtobufError extends Error {}

/** Walks the fields of one message in order, without copying. Numbers above 2^53 lose precision. */
export function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; ++i) {
      const byte = message[at++];
      if (byte === undefined) throw new ProtobufError('a number is cut off');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new ProtobufError('a number is longer than ten bytes');
  };
  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    let value = 0;
    let bytes: Uint8Array = kNone;
    switch (tag % 8) {
      case 0:
        value = varint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        if (length > message.length - at) throw new ProtobufError('a field is cut off');
        bytes = message.subarray(at, at + length);
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new ProtobufError(`a field has the unknown wire type ${tag % 8}`);
    }
    if (at > message.length) throw new ProtobufError('a field is cut off');
    yield { number, value, bytes };
  }
}

/** The numbers of a packed repeated field. */
export function packedVarints(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale;
    scale *= 128;
    if (byte < 0x80) {
      numbers.push(value);
      value = 0;
      scale = 1;
    }
  }
  return numbers;
}
