import { expect, it } from 'vitest';
import { fetchOrder } from './fetch-order';

it('brings what all need first, then the smaller graph with its weights', () => {
  const files = [
    { path: 'onnx/decoder_model_merged.onnx', size: 40 },
    { path: 'onnx/encoder_model.onnx', size: 1 },
    { path: 'onnx/encoder_model.onnx_data', size: 9 },
    { path: 'onnx/encoder_model.onnx_data_1', size: 9 },
    { path: 'tokenizer.json', size: 100 },
  ];
  expect(fetchOrder(files)).toEqual([2, 1, 1, 1, 0]);
});

it('knows one graph', () => {
  expect(fetchOrder([{ path: 'model.onnx', size: 3 }])).toEqual([1]);
  expect(fetchOrder([{ path: 'model.gguf', size: 3 }])).toEqual([1]);
  expect(fetchOrder([])).toEqual([]);
});
