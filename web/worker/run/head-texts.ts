// What a head tells of its texts: how much of each the model got, and which masks it did not. Pure.

import type { JsonObject } from '../../protocol/frame';
import type { TokenRow } from './token-rows';

/** `whole`: the rows of the texts; `rows`: what the model gets of them. */
export function tellTokens(whole: readonly TokenRow[], rows: readonly TokenRow[]): JsonObject {
  const tokens = rows.map(({ ids }) => ids.length);
  const cut = whole.map(({ ids }, i) => ids.length > (tokens[i] ?? 0));
  return cut.includes(true) ? { tokens, cut } : { tokens };
}

export interface MasksLost {
  text: number;
  masks: number;
  beyond: number;
  limit: number;
}

/** The first text of which a mask was cut off; null where none was. */
export function masksLost(
  whole: readonly TokenRow[],
  rows: readonly TokenRow[],
  mask: number,
): MasksLost | null {
  const count = (row: TokenRow | undefined): number =>
    row ? row.ids.filter((id) => id === mask).length : 0;
  for (const [text, row] of whole.entries()) {
    const masks = count(row);
    const beyond = masks - count(rows[text]);
    if (beyond > 0) return { text, masks, beyond, limit: rows[text]?.ids.length ?? 0 };
  }
  return null;
}
