// Which output of a graph is what a head's task gives. Graphs name their outputs as they like, and
// any graph may be asked to be run for any task: the states of an encoder are no logits. Pure.

import { PoolError } from '../error';

export interface GraphOutput {
  name: string;
  dims: readonly number[];
}

export interface WantedOutput {
  model: string;
  task: string;
  /** Names that it may have, best first; else the first of that many dimensions is meant. */
  names: readonly string[];
  rank: number;
  /** What of config.json says how wide it is; null: it may have any width. */
  counts: 'labels' | 'words' | null;
}

/** As the usual exports name what is not the answer of a head. */
const kStates = [
  'last_hidden_state',
  'token_embeddings',
  'sentence_embedding',
  'pooler_output',
  'hidden_states',
];

/**
 * The name of the output that is meant. `config` is the model's config.json. Throws `unsupported`
 * where there is none, or where it is not as wide as the configuration says.
 */
export function outputOfHead(
  outputs: readonly GraphOutput[],
  wanted: WantedOutput,
  config: Readonly<Record<string, unknown>>,
): string {
  const named = wanted.names
    .map((name) => outputs.find((one) => one.name === name))
    .find((one) => one !== undefined);
  const strangers = [...kStates, 'logits'].filter((name) => !wanted.names.includes(name));
  const found =
    named ??
    outputs.find(({ name, dims }) => dims.length === wanted.rank && !strangers.includes(name));
  if (!found) throw notOfTheTask(outputs, wanted, `${wanted.names[0]} of ${wanted.rank} dimensions`);
  if (!wanted.counts) return found.name;
  const width = found.dims.at(-1) ?? 0;
  const said = wanted.counts === 'labels' ? labelsOf(config) : countOf(config['vocab_size']);
  if (said !== null && width !== said) {
    throw notOfTheTask([found], wanted, `${said} ${wanted.counts}, as its config.json says`);
  }
  // Nothing says how many labels there are: what is as wide as the states and not called logits
  // is the states.
  if (said === null && !named && width === countOf(config['hidden_size'])) {
    throw notOfTheTask([found], wanted, `${wanted.names[0]}, which states of ${width} values are not`);
  }
  return found.name;
}

function labelsOf(config: Readonly<Record<string, unknown>>): number | null {
  const labels = config['id2label'];
  if (typeof labels === 'object' && labels !== null) {
    const ids = Object.keys(labels).map(Number);
    if (ids.length > 0 && ids.every(Number.isSafeInteger)) return 1 + Math.max(...ids);
  }
  return countOf(config['num_labels']);
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}

function notOfTheTask(
  outputs: readonly GraphOutput[],
  { model, task, counts }: WantedOutput,
  needs: string,
): PoolError {
  const gives = outputs.map(({ name, dims }) => `${name} [${dims}]`).join(', ');
  const other = `take a model that was trained for ${task}`;
  const encodes = counts && outputs.every(({ name }) => name !== 'logits');
  return new PoolError(
    'unsupported',
    `${model} gives ${gives}, and ${task} needs ${needs}`,
    encodes ? `load it for text-embedding, or ${other}` : other,
  );
}
