// Keeps a browser object alive while it owes an answer. Chromium (156) drops the pending calls of a
// FileSystemHandle that is collected as garbage meanwhile: their promises never settle, and what
// they opened stays locked. Loading a model makes enough garbage for that to happen in one start of
// twenty.

const owing = new Set<{ object: object }>();

/** Does `call` with the object, which can't be collected until the promise has settled. */
export async function keptAlive<O extends object, T>(
  object: O,
  call: (object: O) => Promise<T>,
): Promise<T> {
  const entry = { object };
  owing.add(entry);
  try {
    return await call(object);
  } finally {
    owing.delete(entry);
  }
}
