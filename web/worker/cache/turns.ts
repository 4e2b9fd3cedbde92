// Who goes next: a few at a time, and of those that wait the one of the lowest rank, in the order in
// which they came.

export class Turns {
  private readonly waiting: { rank: number; go: () => void }[] = [];
  private running = 0;

  /** So many at a time. */
  constructor(private most: number) {}

  get atOnce(): number {
    return this.most;
  }

  /** So many at a time from now on; those that run go on. */
  limit(most: number): void {
    this.most = most;
    this.admit();
  }

  async take<T>(rank: number, work: () => Promise<T>): Promise<T> {
    if (this.running < this.most) this.running += 1;
    else await new Promise<void>((go) => this.wait(rank, go));
    try {
      return await work();
    } finally {
      this.running -= 1;
      this.admit();
    }
  }

  private admit(): void {
    while (this.running < this.most) {
      const next = this.waiting.shift();
      if (!next) return;
      this.running += 1;
      next.go();
    }
  }

  private wait(rank: number, go: () => void): void {
    const behind = this.waiting.findIndex((other) => other.rank > rank);
    this.waiting.splice(behind < 0 ? this.waiting.length : behind, 0, { rank, go });
  }
}
