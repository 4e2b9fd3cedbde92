// Who goes next: a few at a time, and of those that wait the one of the lowest rank, in the order in
// which they came.

export class Turns {
  private readonly waiting: { rank: number; go: () => void }[] = [];

  /** So many at a time. */
  constructor(private free: number) {}

  async take<T>(rank: number, work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((go) => this.wait(rank, go));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next.go();
      else this.free += 1;
    }
  }

  private wait(rank: number, go: () => void): void {
    const behind = this.waiting.findIndex((other) => other.rank > rank);
    this.waiting.splice(behind < 0 ? this.waiting.length : behind, 0, { rank, go });
  }
}
