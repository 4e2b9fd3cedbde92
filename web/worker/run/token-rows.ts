// Texts of several lengths as one batch of token rows: cut to what the model takes, padded to the
// longest. Pure.

export interface TokenRow {
  ids: number[];
  types: number[];
}

/** At most `limit` tokens; what the tokenizer put at the end (`trailing` special tokens) stays. */
export function cutRow({ ids, types }: TokenRow, limit: number, trailing: number): TokenRow {
  if (ids.length <= limit) return { ids, types };
  const kept = Math.max(0, limit - trailing);
  const end = ids.length - Math.min(trailing, limit);
  return {
    ids: [...ids.slice(0, kept), ...ids.slice(end)],
    types: [...types.slice(0, kept), ...types.slice(end)],
  };
}

/** How many of the last ids are special. */
export function trailingOf(ids: readonly number[], special: ReadonlySet<number>): number {
  let count = 0;
  while (count < ids.length && special.has(ids[ids.length - 1 - count] ?? -1)) ++count;
  return count;
}

export interface TokenBatch {
  rows: number;
  length: number;
  ids: BigInt64Array;
  mask: BigInt64Array;
  types: BigInt64Array;
}

export function padRows(rows: readonly TokenRow[], padding: number): TokenBatch {
  const length = rows.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  const batch: TokenBatch = {
    rows: rows.length,
    length,
    ids: new BigInt64Array(rows.length * length).fill(BigInt(padding)),
    mask: new BigInt64Array(rows.length * length),
    types: new BigInt64Array(rows.length * length),
  };
  rows.forEach(({ ids, types }, row) => {
    ids.forEach((id, i) => {
      batch.ids[row * length + i] = BigInt(id);
      batch.mask[row * length + i] = 1n;
      batch.types[row * length + i] = BigInt(types[i] ?? 0);
    });
  });
  return batch;
}
