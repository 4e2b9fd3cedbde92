// What a page must remember so that a broken connection neither loses nor doubles a request
// (docs/protocol.md, "Resuming"): which requests it works on, and the answers that the pool has
// not confirmed yet.
import type { Answer } from './messages';

export class Outbox {
  private readonly working = new Set<number>();
  private readonly kept = new Map<number, Answer>();

  /** Begins a request; false where this id is already known, and the request must be ignored. */
  begin(id: number): boolean {
    if (this.working.has(id) || this.kept.has(id)) return false;
    this.working.add(id);
    return true;
  }

  /** Whether the request was begun and is not answered yet. */
  isWorking(id: number): boolean {
    return this.working.has(id);
  }

  /**
   * Keeps the answer until the pool has it; send it now if the connection was welcomed (between
   * `hello` and `welcome` it must wait for resume()). False where the request was answered already:
   * then this answer must not be sent.
   */
  answer(answer: Answer): boolean {
    if (!this.working.delete(answer.id)) return false;
    this.kept.set(answer.id, answer);
    return true;
  }

  /** The pool has these answers (`received` of any of its messages). */
  received(ids: readonly number[]): void {
    for (const id of ids) this.kept.delete(id);
  }

  /** For `hello.known`. */
  known(): number[] {
    return [...this.working, ...this.kept.keys()];
  }

  /** After `welcome`: forgets answers that the pool has, returns those to send, in their order. */
  resume(open: readonly number[]): Answer[] {
    const wanted = new Set(open);
    for (const id of this.kept.keys()) {
      if (!wanted.has(id)) this.kept.delete(id);
    }
    return [...this.kept.values()];
  }
}
