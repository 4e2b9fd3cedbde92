import { describe, expect, it } from 'vitest';
import { isCounted, readPlacement } from './placement';

// As ONNX Runtime Web 1.30 writes them.
const line = (at: number, text: string): string =>
  `2026-11-23 13:46:42.695468 [V:onnxruntime:, session_state.cc:${at} VerifyEachNodeIsAssignedToAnEp] ${text}`;
const kBefore =
  '2026-11-23 13:46:42.1 [I:onnxruntime:, inference_session.cc:2610 Initialize] Initializing session.';
const kAfter =
  '2026-11-23 13:46:42.9 [V:onnxruntime:, session_state.cc:186 CreateGraphInfo] SaveMLValueNameIndexMapping';
const kMixed = [
  kBefore,
  line(1377, 'Node placements'),
  line(1383, ' Node(s) placed on [WebGpuExecutionProvider]. Number of nodes: 4'),
  line(1385, '  Gather (/model/embeddings/word_embeddings/Gather)'),
  line(1385, '  MatMulNBits (/model/layers.0/attn/q_proj/MatMul_Q4)'),
  line(1385, '  MultiHeadAttention (/model/layers.0/attn/MultiHeadAttention)'),
  line(1385, '  FusedConv ()'),
  line(1383, ' Node(s) placed on [CPUExecutionProvider]. Number of nodes: 2'),
  line(1385, '  Unsqueeze (MatMul_like_name)'),
  line(1385, '  MatMulInteger (/a)'),
  kAfter,
];
const kOne = [
  kBefore,
  line(1377, 'Node placements'),
  line(1380, ' All nodes placed on [CPUExecutionProvider]. Number of nodes: 81'),
  kAfter,
];
const kNone = new Map<string, number>();

describe('readPlacement', () => {
  it('counts the nodes that matter, by provider', () => {
    expect(readPlacement(kMixed, 'WebGpuExecutionProvider', kNone)).toEqual({
      counted: 4,
      on_backend: 3,
      by_provider: { WebGpuExecutionProvider: 3, CPUExecutionProvider: 1 },
    });
  });

  it('takes the counts of the file where one provider got all nodes', () => {
    const operators = new Map([
      ['MatMul', 36],
      ['Gemm', 1],
      ['Add', 50],
    ]);
    expect(readPlacement(kOne, 'CPUExecutionProvider', operators)).toEqual({
      counted: 37,
      on_backend: 37,
      by_provider: { CPUExecutionProvider: 37 },
    });
  });

  it('does not claim a backend that got nothing', () => {
    expect(readPlacement(kOne, 'WebGpuExecutionProvider', new Map([['Conv', 2]]))).toEqual({
      counted: 2,
      on_backend: 0,
      by_provider: { CPUExecutionProvider: 2 },
    });
  });

  it('is null where the log does not tell', () => {
    expect(readPlacement([kBefore, kAfter], 'CPUExecutionProvider', kNone)).toBeNull();
    expect(
      readPlacement([line(1377, 'Node placements')], 'CPUExecutionProvider', kNone),
    ).toBeNull();
  });
});

describe('isCounted', () => {
  it.each([
    'MatMul',
    'MatMulNBits',
    'MatMulInteger',
    'MatMulIntegerToFloat',
    'FusedMatMul',
    'DynamicQuantizeMatMul',
    'QLinearMatMul',
    'Gemm',
    'FusedGemm',
    'QGemm',
    'Conv',
    'FusedConv',
    'ConvInteger',
    'QLinearConv',
    'ConvTranspose',
    'NhwcFusedConv',
    'Attention',
    'QAttention',
    'MultiHeadAttention',
    'GroupQueryAttention',
  ])('counts %s', (operator) => {
    expect(isCounted(operator)).toBe(true);
  });

  it.each(['Add', 'Gather', 'LayerNormalization', 'LSTM', 'Convert', 'Softmax'])(
    'leaves out %s',
    (operator) => expect(isCounted(operator)).toBe(false),
  );
});
