// The graphs of a model as their files come: a session is made of each as soon as its own bytes are
// there, while those of the others are still on the way.

import type { ComponentTimings } from '../../protocol/values';
import type { ModelFiles } from './engine';
import { scanOnnx } from './onnx-scan';
import { type GraphFile, componentPath, graphFile } from './session-factory';

/** The files on their way. */
export interface Arrivals {
  /** Those that are there. */
  readonly present: ModelFiles;
  /** Resolves when the file is there. */
  file(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** When it was complete, in ms from the begin of the load. */
  arrivedAt(path: string): number;
}

export interface ComponentOptions {
  task: string;
  /** Of all files that will come. */
  paths: readonly string[];
  arrivals: Arrivals;
  /** ms from the begin of the load. */
  now: () => number;
  /** Before a session: throws where the graph can't run here. */
  check: (graph: ModelFiles) => void;
  /** Resolves when sessions can be made at all. */
  ready: () => Promise<void>;
}

export class Components {
  /** Of the sessions that were made, in their order. */
  readonly timings: ComponentTimings[] = [];

  constructor(private readonly options: ComponentOptions) {}

  /**
   * Calls `make` for each of these graphs, one at a time, in the order in which they are complete.
   * A graph's bytes are let go once it returns. Throws PoolError `invalid_model` where there is no
   * graph of such a name, before anything is waited for.
   */
  async forEach(
    names: readonly string[],
    make: (name: string, graph: GraphFile) => Promise<void>,
  ): Promise<void> {
    const { paths, task } = this.options;
    const found = names.map((name) => ({ name, path: componentPath(paths, name, task) }));
    let before: Promise<unknown> = Promise.resolve();
    await Promise.all(
      found.map(async ({ name, path }) => {
        const graph = await this.complete(path);
        const mine = before.then(() => this.one(name, graph, make));
        before = mine; // One that failed ends the load: those behind it fail with it.
        await mine;
      }),
    );
  }

  /** The graph when it and the weights that it names are there. */
  private async complete(path: string): Promise<GraphFile & { files: string[] }> {
    const { arrivals, check, paths } = this.options;
    const bytes = await arrivals.file(path);
    check(new Map([[path, bytes]]));
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    const weights = [...scanOnnx(bytes).externalData].map((name) => folder + name);
    // One that no file answers to is ONNX Runtime's to name.
    const own = weights.filter((name) => paths.includes(name));
    await Promise.all(own.map((name) => arrivals.file(name)));
    const files = [path, ...own];
    const present = new Map([...arrivals.present].filter(([name]) => files.includes(name)));
    return { ...graphFile(present, path, bytes), files };
  }

  private async one(
    name: string,
    graph: GraphFile & { files: string[] },
    make: (name: string, graph: GraphFile) => Promise<void>,
  ): Promise<void> {
    const { arrivals, now, ready } = this.options;
    await ready();
    const begun = now();
    await make(name, graph);
    const complete = Math.max(...graph.files.map((path) => arrivals.arrivedAt(path)));
    this.timings.push({ name, complete_ms: complete, begun_ms: begun, ready_ms: now() });
    for (const path of graph.files) arrivals.present.delete(path);
  }
}
