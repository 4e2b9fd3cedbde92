// What a BERT-like model's head says of texts, raw: a row of logits for a text, for each of its
// tokens, or for each mask in it. What that means (labels, entities, words) the pool knows.

import { type PreTrainedTokenizer, Tensor as TaskTensor } from '@huggingface/transformers';
import { type Tensor, encodeStrings } from '../../protocol/tensor';
import type { JsonObject } from '../../protocol/frame';
import type { Placement, TensorSpec } from '../../protocol/values';
import { PoolError, errorText } from '../error';
import type { Engine, EngineContext, RunControl } from './engine';
import { type WantedOutput, outputOfHead } from './head-output';
import { masksLost, tellTokens } from './head-texts';
import { runFailure } from './ort-errors';
import type { Runtime } from './runtime';
import { findGraph } from './session-factory';
import { sessionSettings } from './session-settings';
import { type TextModel, isFixed, loadTextModel } from './text-model';
import { readTexts } from './texts';
import { type PieceStyle, pieceStyle, tokenOffsets } from './token-offsets';
import { type TokenBatch, type TokenRow, cutRow, padRows, trailingOf } from './token-rows';

/** What of the model's output a task hands over. */
type Kept = 'text' | 'tokens' | 'masks';

interface Head {
  kept: Kept;
  /** Names that the output may have, best first; else the first of that many dimensions. */
  names: readonly string[];
  output: string;
  counts: WantedOutput['counts'];
  warmupText: string;
}

const kText = 'A sentence of about the usual length, so that the code that runs is warm.';

const kLabels = { names: ['logits'], output: 'logits', counts: 'labels' } as const;

const kHeads = new Map<string, Head>([
  ['text-classification', { kept: 'text', ...kLabels, warmupText: kText }],
  ['token-classification', { kept: 'tokens', ...kLabels, warmupText: kText }],
  // One of the two is a mask, whatever the vocabulary.
  ['fill-mask', { kept: 'masks', ...kLabels, counts: 'words', warmupText: '[MASK] <mask>' }],
  [
    'feature-extraction',
    {
      kept: 'tokens',
      names: ['last_hidden_state', 'token_embeddings'],
      output: 'states',
      counts: null,
      warmupText: kText,
    },
  ],
  [
    'text-projection',
    {
      kept: 'text',
      names: ['text_embeds'],
      output: 'text_embeds',
      counts: null,
      warmupText: kText,
    },
  ],
]);

/** More than the runtime is asked for in one output: 256 MiB of floats. */
const kMostFloats = 2 ** 26;

export class TextHeadEngine implements Engine {
  readonly inputs: TensorSpec[] = [{ name: 'text', datatype: 'BYTES', shape: [-1] }];
  readonly outputs: TensorSpec[];
  readonly placement: Placement | null;
  private readonly tokenizer: PreTrainedTokenizer;
  private readonly style: PieceStyle;
  private readonly framing: ReadonlySet<number>;

  private constructor(
    private readonly model: TextModel,
    private readonly head: Head,
    private readonly context: EngineContext,
  ) {
    this.placement = model.placement;
    this.tokenizer = model.pipe.tokenizer;
    this.style = pieceStyle(this.tokenizer._tokenizerJSON);
    this.framing = framingTokens(this.tokenizer);
    this.outputs = [{ name: head.output, datatype: 'FP32', shape: [-1, -1] }];
    if (head.kept !== 'text') this.outputs.push({ name: 'text', datatype: 'INT64', shape: [-1] });
    if (head.kept === 'tokens') {
      this.outputs.push({ name: 'offsets', datatype: 'INT64', shape: [-1, 2] });
      this.outputs.push({ name: 'tokens', datatype: 'BYTES', shape: [-1] });
    }
  }

  static async load(runtime: Runtime, context: EngineContext): Promise<TextHeadEngine> {
    const { load, files } = context;
    const head = kHeads.get(load.task);
    if (!head) throw new PoolError('internal', `no head of a text model for ${load.task}`);
    const settings = sessionSettings(load);
    if (isFixed(settings)) {
      throw new PoolError(
        'unsupported',
        `WebNN computes with fixed shapes only, and ${load.task} is not made for them`,
        'use the wasm or the webgpu backend',
      );
    }
    const model = await loadTextModel(runtime, context, settings, findGraph(files, load.task));
    return new TextHeadEngine(model, head, context);
  }

  async warmUp(): Promise<void> {
    const { load, onWarmup } = this.context;
    const asked = load.options['warmup_runs'];
    const runs = typeof asked === 'number' ? asked : 1;
    for (let i = 0; i < runs; ++i) {
      await this.answer([this.head.warmupText]);
      onWarmup(i + 1, runs);
    }
  }

  async run(inputs: Tensor[], _: JsonObject, control: RunControl): Promise<Tensor[]> {
    const [text] = inputs;
    if (!text || inputs.length > 1 || text.name !== 'text' || text.datatype !== 'BYTES') {
      throw new PoolError(
        'invalid_input',
        `${this.context.load.task} takes one BYTES tensor named "text"`,
        'pass the texts as strings',
      );
    }
    return this.answer(readTexts(text), control);
  }

  async dispose(): Promise<void> {
    await this.model.pipe.dispose();
  }

  private async answer(texts: string[], control?: RunControl): Promise<Tensor[]> {
    const whole = texts.map((text) => this.tokenize(text));
    const rows = whole.map((row) => this.cut(row));
    control?.details(tellTokens(whole, rows));
    const batch = padRows(rows, this.tokenizer.pad_token_id ?? 0);
    if (this.head.kept === 'masks') this.checkMasks(whole, rows);
    const values = await this.compute(batch);
    const dims = values.dims;
    const width = dims.at(-1) ?? 0;
    const data = values.data as Float32Array;
    if (this.head.kept === 'text') {
      if (dims.length !== 2 || dims[0] !== batch.rows) throw this.oddShape(dims);
      return [{ name: this.head.output, datatype: 'FP32', shape: [...dims], data: data.slice() }];
    }
    if (dims.length !== 3 || dims[0] !== batch.rows || dims[1] !== batch.length) {
      throw this.oddShape(dims);
    }
    return this.pick(texts, rows, batch, data, width);
  }

  private tokenize(text: string): TokenRow {
    const { ids, token_type_ids: types } = this.tokenizer._tokenizer.encode(text, {
      return_token_type_ids: true,
    });
    return { ids, types: types ?? [] };
  }

  private cut(row: TokenRow): TokenRow {
    const limit = Number(this.tokenizer.model_max_length) || Infinity;
    return cutRow(row, Math.min(limit, this.longest()), trailingOf(row.ids, this.framing));
  }

  /** Positions that the model has, where its configuration tells; RoBERTa's begin after padding. */
  private longest(): number {
    const positions = this.config['max_position_embeddings'];
    if (typeof positions !== 'number' || positions <= 0) return Infinity;
    const offset = String(this.config['model_type']).includes('roberta') ? 2 : 0;
    return positions - offset;
  }

  private get config(): Record<string, unknown> {
    return this.model.pipe.model.config as unknown as Record<string, unknown>;
  }

  private checkMasks(whole: readonly TokenRow[], rows: readonly TokenRow[]): void {
    const mask = this.tokenizer.mask_token_id;
    if (mask === undefined || mask === null) {
      throw new PoolError('invalid_model', 'the tokenizer has no mask token');
    }
    const lost = masksLost(whole, rows, mask);
    if (lost) {
      throw new PoolError(
        'invalid_input',
        `text ${lost.text + 1}: ${lost.beyond} of its ${lost.masks} ${this.tokenizer.mask_token} ` +
          `lie beyond the ${lost.limit} tokens that ${this.context.load.name} reads`,
        'shorten the text, or ask about parts of it in several texts',
      );
    }
    const without = rows.findIndex(({ ids }) => !ids.includes(mask));
    if (without < 0) return;
    throw new PoolError(
      'invalid_input',
      `text ${without + 1} has no ${this.tokenizer.mask_token} among the tokens that the model takes`,
      `write ${this.tokenizer.mask_token} where a word is to be found`,
    );
  }

  private async compute({ rows, length, ids, mask, types }: TokenBatch): Promise<TaskTensor> {
    const tensor = (data: BigInt64Array): TaskTensor => new TaskTensor('int64', data, [rows, length]);
    let outputs: Record<string, TaskTensor>;
    try {
      outputs = (await this.model.pipe.model({
        input_ids: tensor(ids),
        attention_mask: tensor(mask),
        token_type_ids: tensor(types),
      })) as Record<string, TaskTensor>;
    } catch (thrown) {
      throw runFailure(errorText(thrown));
    }
    const { names, counts } = this.head;
    const { name: model, task } = this.context.load;
    const wanted = { model, task, names, counts, rank: this.head.kept === 'text' ? 2 : 3 };
    const given = Object.entries(outputs).map(([name, { dims }]) => ({ name, dims }));
    const found = outputs[outputOfHead(given, wanted, this.config)];
    if (!found) throw new PoolError('internal', 'an output that was there is gone');
    return found.type === 'float32' ? found : found.to('float32');
  }

  /** The rows of `data` [texts, length, width] that the task is about, one after another. */
  private pick(
    texts: readonly string[],
    rows: readonly TokenRow[],
    { length }: TokenBatch,
    data: Float32Array,
    width: number,
  ): Tensor[] {
    const wanted: { text: number; token: number }[] = [];
    rows.forEach(({ ids }, text) => {
      ids.forEach((id, token) => {
        if (this.head.kept === 'masks' && id !== this.tokenizer.mask_token_id) return;
        wanted.push({ text, token });
      });
    });
    if (wanted.length * width > kMostFloats) {
      throw new PoolError(
        'invalid_input',
        `${wanted.length} rows of ${width} values are more than one answer holds`,
        'send fewer texts in one call',
      );
    }
    const values = new Float32Array(wanted.length * width);
    wanted.forEach(({ text, token }, i) => {
      const from = (text * length + token) * width;
      values.set(data.subarray(from, from + width), i * width);
    });
    const count = wanted.length;
    const outputs: Tensor[] = [
      { name: this.head.output, datatype: 'FP32', shape: [count, width], data: values },
      {
        name: 'text',
        datatype: 'INT64',
        shape: [count],
        data: BigInt64Array.from(wanted, ({ text }) => BigInt(text)),
      },
    ];
    if (this.head.kept === 'tokens') outputs.push(...this.places(texts, rows, count));
    return outputs;
  }

  private places(texts: readonly string[], rows: readonly TokenRow[], count: number): Tensor[] {
    const normalizer = this.tokenizer._tokenizer.normalizer;
    const normalize = (character: string): string =>
      normalizer ? normalizer.normalize(character) : character;
    const offsets = new BigInt64Array(2 * count);
    const tokens: string[] = [];
    rows.forEach(({ ids }, text) => {
      const names = ids.map((id) => this.tokenizer._tokenizer.id_to_token(id) ?? '');
      const pieces = names.map((name, i) => (this.framing.has(ids[i] ?? -1) ? null : name));
      const spans = tokenOffsets(texts[text] ?? '', pieces, this.style, normalize);
      spans.forEach(([start, end], i) => {
        offsets[2 * (tokens.length + i)] = BigInt(start);
        offsets[2 * (tokens.length + i) + 1] = BigInt(end);
      });
      tokens.push(...names);
    });
    return [
      { name: 'offsets', datatype: 'INT64', shape: [count, 2], data: offsets },
      { name: 'tokens', datatype: 'BYTES', shape: [count], data: encodeStrings(tokens) },
    ];
  }

  private oddShape(dims: readonly number[]): PoolError {
    return new PoolError(
      'unsupported',
      `the model's ${this.head.output} are [${dims}], which is not what ${this.context.load.task} gives`,
      'run it with task "tensors"',
    );
  }
}

/** Those that a tokenizer puts around and behind a text. */
function framingTokens(tokenizer: PreTrainedTokenizer): ReadonlySet<number> {
  const config = (tokenizer as unknown as { _tokenizerConfig: Record<string, unknown> })._tokenizerConfig;
  const ids = new Set<number>();
  for (const name of ['bos_token', 'eos_token', 'sep_token', 'cls_token', 'pad_token']) {
    const value = config[name];
    const token =
      typeof value === 'object' && value ? (value as { content?: unknown }).content : value;
    const id = typeof token === 'string' ? tokenizer._tokenizer.token_to_id(token) : undefined;
    if (id !== undefined) ids.add(id);
  }
  return ids;
}
