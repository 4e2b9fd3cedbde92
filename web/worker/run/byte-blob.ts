// What wllama reads of a Blob, over bytes that this thread has already. A real Blob is a second copy
// of the model, in the browser's own process, and in Chromium each slice of it is one more until the
// garbage collection here: SmolLM2 of 98 MB came to 300 MB. In its first seconds Chromium allows 500
// MB to all pages together, and what exceeds them can't be read (NotReadableError).

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
