// Which token may be said next in a transcript, and which is said. The rules are those of Whisper's
// own decoding (Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision",
// and its published code): suppressed tokens; timestamps in pairs that never go back; a timestamp
// where all of them together are likelier than any word.

export interface TimestampRules {
  /** The token of 0.00 s; each following one is 0.02 s later. */
  first: number;
  /** The token that says there are none. */
  none: number;
  /** The first one said is at most so many steps after 0.00 s. */
  latestBegin: number;
}

export interface TokenRules {
  /** Ends the transcript. Text tokens are below it. */
  end: number;
  suppress: readonly number[];
  /** Not said first. */
  suppressFirst: readonly number[];
  /** Null: the transcript has no timestamps. */
  timestamps: TimestampRules | null;
}

export interface Said {
  token: number;
  /** Natural logarithm of its probability among what may be said. */
  logprob: number;
}

/** log(Σ exp) over [begin, end); −Infinity where nothing may be said. */
export function logSumExp(values: Float32Array, begin: number, end: number): number {
  let most = -Infinity;
  for (let i = begin; i < end; ++i) if ((values[i] as number) > most) most = values[i] as number;
  if (most === -Infinity) return -Infinity;
  let sum = 0;
  for (let i = begin; i < end; ++i) sum += Math.exp((values[i] as number) - most);
  return most + Math.log(sum);
}

function largest(values: Float32Array, begin: number, end: number): number {
  let at = begin;
  for (let i = begin + 1; i < end; ++i) if ((values[i] as number) > (values[at] as number)) at = i;
  return at;
}

/** Sets what may not follow `said` to −Infinity, in place. */
export function applyRules(logits: Float32Array, said: readonly number[], rules: TokenRules): void {
  for (const token of rules.suppress) logits[token] = -Infinity;
  if (said.length === 0) for (const token of rules.suppressFirst) logits[token] = -Infinity;
  const { timestamps } = rules;
  if (!timestamps) return;
  const { first, none, latestBegin } = timestamps;
  logits[none] = -Infinity;
  const isTime = (token: number | undefined): boolean => token !== undefined && token >= first;
  const last = said.at(-1);
  const lastWasTime = isTime(last);
  const pairIsWhole = said.length < 2 || isTime(said.at(-2));
  if (lastWasTime) {
    if (pairIsWhole) logits.fill(-Infinity, first);
    else logits.fill(-Infinity, 0, rules.end);
  }
  const times = said.filter(isTime);
  const latest = times.at(-1);
  // The end of a span may be where the next one begins, and no span is empty.
  if (latest !== undefined) {
    logits.fill(-Infinity, first, lastWasTime && !pairIsWhole ? latest : latest + 1);
  }
  if (said.length === 0) {
    logits.fill(-Infinity, 0, first);
    logits.fill(-Infinity, first + latestBegin + 1);
    return;
  }
  const anyTime = logSumExp(logits, first, logits.length);
  const likeliestText = logits[largest(logits, 0, first)] as number;
  const all = logSumExp(logits, 0, logits.length);
  if (anyTime - all > likeliestText - all) logits.fill(-Infinity, 0, first);
}

/** Numbers from 0 to 1, the same for the same seed (Marsaglia's xorshift32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** The likeliest token, or one drawn where the temperature is above 0. */
export function choose(logits: Float32Array, temperature: number, random: () => number): Said {
  const all = logSumExp(logits, 0, logits.length);
  let token = largest(logits, 0, logits.length);
  if (temperature > 0) {
    const cooled = logits.map((logit) => logit / temperature);
    const sum = logSumExp(cooled, 0, cooled.length);
    let left = random();
    for (let i = 0; i < cooled.length; ++i) {
      const probability = Math.exp((cooled[i] as number) - sum);
      if (probability === 0) continue;
      token = i;
      left -= probability;
      if (left <= 0) break;
    }
  }
  return { token, logprob: (logits[token] as number) - all };
}
