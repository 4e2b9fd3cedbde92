// Two programs side by side: slices that take turns, and the table of what came out.
export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** Each slice once to warm up, then once a round, every second round in turned order; the values
 *  of each slice. */
export async function alternate(rounds, slices) {
  for (const slice of slices) await slice()
  const values = slices.map(() => [])
  for (let round = 0; round < rounds; round++) {
    const order = slices.map((_, i) => i)
    if (round % 2) order.reverse()
    for (const i of order) values[i].push(await slices[i]())
  }
  return values
}

export async function seconds(body) {
  const begun = process.hrtime.bigint()
  await body()
  return Number(process.hrtime.bigint() - begun) / 1e9
}

/** Rows of figures, each the median of ours over theirs, slice by slice: what else the machine does
 *  hits both alike. */
export class Table {
  results = []
  lines = []

  /** `least`: the aim is to be over it, else under it. */
  tell(figure, ours, theirs, unit, aim, values, least = true) {
    const ratios = values[0].map((value, i) => value / values[1][i])
    const ratio = median(ratios)
    const met = least ? ratio >= aim : ratio <= aim
    this.results.push({ figure, ours, theirs, unit, values, ratios, ratio, aim, met })
    const shown = (list) => `${median(list).toPrecision(4)} ${unit}`
    this.lines.push(`| ${figure} | ${ours}: ${shown(values[0])} | ${theirs}: ${shown(values[1])} | ` +
      `${ratio.toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}) | ` +
      `${least ? '≥' : '≤'} ${aim.toFixed(2)} ${met ? 'met' : 'missed'} |`)
    console.error(this.lines.at(-1))
  }

  print() {
    console.log(['| figure | webpool | other | ratio (spread) | aim |', '|---|---|---|---|---|', ...this.lines].join('\n'))
  }
}
