// Tensors of the protocol and of ONNX Runtime: the same bytes under two sets of names.

import * as ort from 'onnxruntime-web/webgpu';
import {
  type Datatype,
  type Tensor,
  type TypedArray,
  encodeStrings,
} from '../../protocol/tensor';
import type { TensorSpec } from '../../protocol/values';
import { PoolError } from '../error';
import { readStrings } from './texts';

const kTypes: [Datatype, ort.Tensor.Type][] = [
  ['BOOL', 'bool'],
  ['UINT8', 'uint8'],
  ['UINT16', 'uint16'],
  ['UINT32', 'uint32'],
  ['UINT64', 'uint64'],
  ['INT8', 'int8'],
  ['INT16', 'int16'],
  ['INT32', 'int32'],
  ['INT64', 'int64'],
  ['FP16', 'float16'],
  ['FP32', 'float32'],
  ['FP64', 'float64'],
  ['BYTES', 'string'],
];
const kToOrt = new Map(kTypes);
const kFromOrt = new Map(kTypes.map(([datatype, type]) => [type, datatype]));

/** In browsers with Float16Array, ONNX Runtime wants it for float16; elsewhere the bits. */
type HalfArray = new (buffer: ArrayBufferLike, offset: number, length: number) => ArrayBufferView;
const kHalf = (globalThis as { Float16Array?: HalfArray }).Float16Array;

export function toOrt(tensor: Tensor): ort.Tensor {
  const type = kToOrt.get(tensor.datatype);
  if (!type) {
    throw new PoolError(
      'unsupported',
      `input "${tensor.name}": ONNX Runtime Web has no tensors of ${tensor.datatype}`,
      'convert it to FP32',
    );
  }
  if (type === 'string') return new ort.Tensor('string', readStrings(tensor), tensor.shape);
  const { data } = tensor;
  const view =
    type === 'float16' && kHalf ? new kHalf(data.buffer, data.byteOffset, data.length) : data;
  return new ort.Tensor(type, view as ort.Tensor.DataTypeMap[typeof type], tensor.shape);
}

export function fromOrt(name: string, tensor: ort.Tensor): Tensor {
  const datatype = kFromOrt.get(tensor.type);
  if (!datatype) {
    throw new PoolError('unsupported', `output "${name}": a tensor of ${tensor.type}`);
  }
  const shape = [...tensor.dims];
  if (tensor.type === 'string') {
    return { name, datatype, shape, data: encodeStrings(tensor.data as string[]) };
  }
  const data = tensor.data as TypedArray;
  if (datatype === 'FP16') {
    return {
      name,
      datatype,
      shape,
      data: new Uint16Array(data.buffer, data.byteOffset, data.length),
    };
  }
  return { name, datatype, shape, data };
}

export function toSpec(value: ort.InferenceSession.ValueMetadata): TensorSpec {
  if (!value.isTensor) {
    throw new PoolError(
      'unsupported',
      `"${value.name}" is a sequence or map, and only tensors can travel`,
      'export the model without ZipMap and sequence outputs',
    );
  }
  const datatype = kFromOrt.get(value.type);
  if (!datatype) throw new PoolError('unsupported', `"${value.name}" is a tensor of ${value.type}`);
  const shape = value.shape.map((size) => (isFixed(size) ? size : -1));
  return { name: value.name, datatype, shape };
}

/** A free dimension is a name, or the bits of -1 read as an unsigned number. */
function isFixed(size: number | string): size is number {
  return typeof size === 'number' && size >= 0 && size < 2 ** 31;
}
