// Reads files that lie in this origin's storage, in the page itself. A file Worker that has the same
// file open keeps others out, so a read may fail.

/** As file-worker.ts and verified-cache.ts name them. */
const kFolder = 'webpool-v1';
const kEnding = '.data';

export async function readKept(
  cid: string,
  offset: number,
  size: number,
): Promise<Uint8Array | null> {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle(kFolder);
  const file = await (await folder.getFileHandle(cid + kEnding)).getFile();
  if (offset + size > file.size) return null;
  return new Uint8Array(await file.slice(offset, offset + size).arrayBuffer());
}
