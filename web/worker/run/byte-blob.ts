// What wllama reads of a Blob, over bytes that this thread has already. A real Blob would be a second
// copy of the model in the browser's own process, kept as long as wllama has it, and one that the
// browser may fail to make or to read (NotReadableError).

type Bytes = Uint8Array<ArrayBuffer>;

const kPiece = 1024 * 1024;

export class ByteBlob {
  constructor(private bytes: Bytes) {}

  get size(): number {
    return this.bytes.length;
  }

  /** A view: nothing is copied. */
  slice(begin = 0, end = this.size): ByteBlob {
    return new ByteBlob(this.bytes.subarray(begin, end));
  }

  /** A copy, which the caller may transfer. */
  arrayBuffer(): Promise<ArrayBuffer> {
    return Promise.resolve().then(() => this.bytes.slice().buffer);
  }

  /** Copies piece by piece, each made when it is asked for; the caller may transfer them. */
  stream(): ReadableStream<Bytes> {
    let at = 0;
    const pull = (controller: ReadableStreamDefaultController<Bytes>): void => {
      const piece = this.bytes.slice(at, at + kPiece);
      at += piece.length;
      if (piece.length > 0) controller.enqueue(piece);
      else controller.close();
    };
    return new ReadableStream({ pull }, { highWaterMark: 0 });
  }

  /** Lets the bytes go, whoever still holds this object. */
  release(): void {
    this.bytes = new Uint8Array(0);
  }
}
