// In which order a model's files are to come, so that a session can be made of one graph while the
// others are still on the way: what every graph needs first (configuration, tokenizer), then graph
// after graph, each with its weights, the smallest first.

const kGraph = /\.(onnx|gguf)$/;

/** A rank for each file; the lowest comes first. */
export function fetchOrder(files: readonly { path: string; size: number }[]): number[] {
  const graphs = files.filter(({ path }) => kGraph.test(path)).map(({ path }) => path);
  /** model.onnx, of model.onnx itself and of model.onnx_data and model.onnx_data_1. */
  const graphOf = (path: string): string | undefined =>
    graphs.find((graph) => path === graph || path.startsWith(`${graph}_data`));
  const sizes = new Map(graphs.map((graph) => [graph, 0]));
  for (const { path, size } of files) {
    const graph = graphOf(path);
    if (graph !== undefined) sizes.set(graph, (sizes.get(graph) ?? 0) + size);
  }
  const bySize = [...sizes].sort(([, a], [, b]) => a - b).map(([graph]) => graph);
  return files.map(({ path }) => 1 + bySize.indexOf(graphOf(path) ?? ''));
}
