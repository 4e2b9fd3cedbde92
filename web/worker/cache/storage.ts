// Where the verified cache keeps files between visits. An interface, because tests use memory and
// a browser without OPFS has nothing.

export interface StoredFile {
  readonly size: number;
  /** Fills `target` from `offset`; returns the bytes read, fewer at the end of the file. */
  read(target: Uint8Array, offset: number): number;
  write(source: Uint8Array, offset: number): void;
  flush(): void;
  close(): void;
}

/** A file that is not there under its name until it is committed. */
export interface PendingFile {
  write(source: Uint8Array, offset: number): void;
  /** Flushes and puts the file under its name, in place of an earlier one. */
  commit(): Promise<void>;
  /** Forgets it. Safe after a failure, and more than once. */
  abort(): Promise<void>;
}

export interface Storage {
  /** Opens for reading and repairing; null where there is none. The caller closes it. */
  open(name: string): Promise<StoredFile | null>;
  create(name: string): Promise<PendingFile>;
  remove(name: string): Promise<void>;
}
