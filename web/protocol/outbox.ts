// What a page must remember so that a broken connection neither loses nor doubles a request
// (docs/protocol.md, "Resuming"): which requests it works on, and the answers that the pool has
// not confirmed yet.
import type { JsonObject } from './frame';
import type { Answer, Partial } from './messages';

export class Outbox {
  private readonly working = new Set<number>();
  private readonly kept = new Map<number, Answer>();
  /** Of runs in `working` or `kept`: what was said of their answers so far. */
  private readonly partials = new Map<number, Partial[]>();

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
   * Part of an answer, kept as long as the answer: send it now if the connection was welcomed. Null
   * where the request is not open: then it must not be sent.
   */
  partial(id: number, data: JsonObject): Partial | null {
    if (!this.working.has(id)) return null;
    let said = this.partials.get(id);
    if (!said) this.partials.set(id, (said = []));
    const partial: Partial = { type: 'partial', id, index: said.length, data };
    said.push(partial);
    return partial;
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
    for (const id of ids) this.forget(id);
  }

  /** For `hello.known`. */
  known(): number[] {
    return [...this.working, ...this.kept.keys()];
  }

  /**
   * After `welcome`: forgets answers that the pool has, returns what to send: the parts of answers,
   * of which the pool may have some, then the answers, in their order.
   */
  resume(open: readonly number[]): (Answer | Partial)[] {
    const wanted = new Set(open);
    for (const id of [...this.kept.keys()]) if (!wanted.has(id)) this.forget(id);
    const said = [...this.partials].filter(([id]) => wanted.has(id));
    return [...said.flatMap(([, partials]) => partials), ...this.kept.values()];
  }

  private forget(id: number): void {
    if (this.kept.delete(id)) this.partials.delete(id);
  }
}
