// Tensors as they travel: raw little-endian bytes behind a typed array, named as in the Open
// Inference Protocol. Every platform a browser runs on is little-endian, so views need no swap.

export type TypedArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

type View = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray;

/** Bytes per element (0: BYTES, whose elements vary) and the view that shows them. */
const DATATYPES = {
  BOOL: { size: 1, view: Uint8Array as View },
  UINT8: { size: 1, view: Uint8Array as View },
  UINT16: { size: 2, view: Uint16Array as View },
  UINT32: { size: 4, view: Uint32Array as View },
  UINT64: { size: 8, view: BigUint64Array as View },
  INT8: { size: 1, view: Int8Array as View },
  INT16: { size: 2, view: Int16Array as View },
  INT32: { size: 4, view: Int32Array as View },
  INT64: { size: 8, view: BigInt64Array as View },
  FP16: { size: 2, view: Uint16Array as View },
  BF16: { size: 2, view: Uint16Array as View },
  FP32: { size: 4, view: Float32Array as View },
  FP64: { size: 8, view: Float64Array as View },
  BYTES: { size: 0, view: Uint8Array as View },
} as const;

export type Datatype = keyof typeof DATATYPES;

export interface Tensor {
  name: string;
  datatype: Datatype;
  /** Row-major; a scalar has no dimension. */
  shape: number[];
  /** FP16 and BF16 as their bits in a Uint16Array, BOOL and BYTES as bytes. */
  data: TypedArray;
}

export function isDatatype(name: unknown): name is Datatype {
  return typeof name === 'string' && Object.hasOwn(DATATYPES, name);
}

/** 0 for BYTES. */
export function elementSize(datatype: Datatype): number {
  return DATATYPES[datatype].size;
}

/** Product of the dimensions; undefined where one is negative or no exact number holds it. */
export function elementCount(shape: readonly number[]): number | undefined {
  let count = 1;
  let zero = false;
  for (const dimension of shape) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) return undefined;
    if (dimension === 0) zero = true;
    else count *= dimension;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return zero ? 0 : count;
}

/** A view of `byteLength` bytes; `byteOffset` must be a multiple of the element's size. */
export function viewOf(
  datatype: Datatype,
  buffer: ArrayBufferLike,
  byteOffset: number,
  byteLength: number,
): TypedArray {
  const { size, view } = DATATYPES[datatype];
  return new view(buffer, byteOffset, size === 0 ? byteLength : byteLength / size);
}

/** Why shape, type and bytes disagree; undefined where they don't. */
export function tensorFault(tensor: Tensor): string | undefined {
  const count = elementCount(tensor.shape);
  if (count === undefined) return `impossible shape [${tensor.shape.join(', ')}]`;
  const bytes = tensor.data.byteLength;
  if (tensor.datatype !== 'BYTES') {
    const needed = count * elementSize(tensor.datatype);
    if (needed === bytes) return undefined;
    return `${tensor.datatype} [${tensor.shape.join(', ')}] needs ${needed} bytes, got ${bytes}`;
  }
  const found = countStrings(tensor.data);
  if (found === undefined) return 'a string is longer than the data';
  return found === count ? undefined : `shape has ${count} strings, the data holds ${found}`;
}

function dataView(data: ArrayBufferView): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

function countStrings(data: ArrayBufferView): number | undefined {
  const view = dataView(data);
  let at = 0;
  let count = 0;
  while (at < view.byteLength) {
    if (view.byteLength - at < 4) return undefined;
    at += 4 + view.getUint32(at, true);
    if (at > view.byteLength) return undefined;
    count += 1;
  }
  return count;
}

/** Strings as a BYTES tensor's data: u32 little-endian length and UTF-8 bytes each. */
export function encodeStrings(strings: readonly string[]): Uint8Array {
  const encoder = new TextEncoder();
  const encoded = strings.map((text) => encoder.encode(text));
  const out = new Uint8Array(encoded.reduce((total, bytes) => total + 4 + bytes.length, 0));
  const view = dataView(out);
  let at = 0;
  for (const bytes of encoded) {
    view.setUint32(at, bytes.length, true);
    out.set(bytes, at + 4);
    at += 4 + bytes.length;
  }
  return out;
}

/** Throws a TypeError where a string is not UTF-8 and a RangeError where a length lies. */
export function decodeStrings(data: ArrayBufferView): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const view = dataView(data);
  const strings: string[] = [];
  let at = 0;
  while (at < view.byteLength) {
    const length = view.getUint32(at, true);
    // decode() takes no view of shared memory, so these few bytes are copied.
    strings.push(decoder.decode(new Uint8Array(data.buffer, data.byteOffset + at + 4, length).slice()));
    at += 4 + length;
  }
  return strings;
}
