import { describe, expect, it } from 'vitest';
import { parseCid } from './cid';
import { packNodes, packedNodeReader, planFile } from './file-plan';

// Made by the npm package ipfs-unixfs-importer 17.1.1 (raw leaves). `kFile`: bytes i % 251, 3 MiB +
// 5 bytes, 1 MiB leaves. `kNested`: bytes 0 to 39, leaves of 4 bytes, at most 3 links a node.
const kFile = {
  cid: 'bafybeidjdzyb7cjtwabgkg3psrr6d53vcxhxfxrt44ind74gq6coscbj74',
  size: 3 * 1048576 + 5,
  root:
    'EiwKJAFVEiBjG4QCfWueUrU5xOg3NiLSMDLfrcZNYK+HM5yQN+T3aRIAGICAQBIsCiQBVRIgcpuRVfACYaaBAAzND/IO' +
    'dQ7T1SW1seb8lhg3o7tmb9YSABiAgEASLAokAVUSIMhe+YuIlGUG4sVIjAS5fYa17CFK3RBNSEmjFF9eSf1lEgAYgIBA' +
    'EioKJAFVEiA9nHWoPpVNnr/CZJEr2XkQyShqB6P1DBSQDEQ/dzNaahIAGAUKFQgCGIWAwAEggIBAIICAQCCAgEAgBQ==',
};
const kNested = {
  cid: 'bafybeihetbzrlrafem3soqmvfd4konslub4z3fs7pbfuqcg3iyxken6yd4',
  nodes: [
    'EioKJAFVEiAFTt7B0CEfYk/tDLyp1PlACw5JHEN0KvLFsKvr8MmQ2BIAGAQSKgokAVUSIMbUTPQY9hDj/p4dkpT/Q974HGzcrWy7GCDP9I06pDVdEgAYBBIqCiQBVRIg4ObjwcZEIsx2Ip0MNbqBeigfj8QBT6o+kVJCiginOrMSABgECgoIAhgMIAQgBCAE',
    'EioKJAFVEiBxuSEQvxNchVgcihKPahnA9qynUrDGyR41cYmc8JsUXRIAGAQSKgokAVUSIKACkeginRkYFfLL0qpJ07eDWF3q6AEspZQfARzrnrEZEgAYBBIqCiQBVRIgzOj3HA2pn9Cqii26pwPPZtLyL2BaIiuDArYt5Nu08FkSABgECgoIAhgMIAQgBCAE',
    'EioKJAFVEiBXIbD6gViBIKACwokUwf7z8YroUT7BLggHj0krt2nPmBIAGAQSKgokAVUSIAuIB3pdk/ayu7lV91VxyPZfQCfmEHj+9/oQMr8rxiMnEgAYBBIqCiQBVRIg3KJTQ65IhGzQD6HZZ13bCRJzi1rHAL2nAiqBZ4+4PtcSABgECgoIAhgMIAQgBCAE',
    'EioKJAFVEiDZGUsZzuigKsFAioPb0dwQibeaN+hn2uyufRuFFkkeeBIAGAQKBggCGAQgBA==',
    'EisKJAFwEiCSE8RxdQD76fzN2SkRTyuYRM/RhnuPN3kduKDr9UWTARIAGJwBEisKJAFwEiBhsmQNVLB2RM0B4PYhM0NqmqBV2Hjo/yhi0fVk8kc6sRIAGJwBEisKJAFwEiBW2w5+H56JKg3PK6wkb3z5KdgaLy7oih1syEtyi+R14xIAGJwBCgoIAhgkIAwgDCAM',
    'EioKJAFwEiApr6rAz1veqJokHuyu8t73cXm5SsLVmBXk1+9rHoLeTRIAGDgKBggCGAQgBA==',
    'EisKJAFwEiAZDb8Bk57FwjxivI5psQYq0Ivy7P+swvDk7nUJAtpemhIAGOcEEioKJAFwEiDVJRFsXg0ic3h9pRg5MiRJtbR2xW8INLYuF/9VZvn2yxIAGGwKCAgCGCggJCAE',
  ],
};

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

async function reader(
  nodes: string[],
): Promise<(cid: { digest: Uint8Array }) => Promise<Uint8Array>> {
  const byDigest = new Map<string, Uint8Array>();
  for (const block of nodes.map(fromBase64)) {
    const digest = await crypto.subtle.digest('SHA-256', block as Uint8Array<ArrayBuffer>);
    byDigest.set(Buffer.from(digest).toString('hex'), block);
  }
  return async ({ digest }) =>
    byDigest.get(Buffer.from(digest).toString('hex')) ?? new Uint8Array();
}

describe('planFile', () => {
  it('lists the leaves of a file of 1 MiB leaves', async () => {
    const plan = await planFile(parseCid(kFile.cid), kFile.size, await reader([kFile.root]));
    expect(plan.leaves.map(({ offset, size }) => [offset, size])).toEqual([
      [0, 1048576],
      [1048576, 1048576],
      [2097152, 1048576],
      [3145728, 5],
    ]);
    expect(plan.leaves[3]?.cid.codec).toBe('raw');
  });

  it('walks nested nodes in order', async () => {
    const plan = await planFile(parseCid(kNested.cid), 40, await reader(kNested.nodes));
    expect(plan.leaves.map(({ offset }) => offset)).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
    expect(plan.nodes).toHaveLength(7);
  });

  it('reads the same plan back from its packed nodes', async () => {
    const cid = parseCid(kNested.cid);
    const plan = await planFile(cid, 40, await reader(kNested.nodes));
    const again = await planFile(cid, 40, packedNodeReader(packNodes(plan.nodes)));
    expect(again.leaves).toEqual(plan.leaves);
  });

  it('takes a raw CID as one leaf', async () => {
    const cid = parseCid('bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e');
    const plan = await planFile(cid, 11, () => Promise.reject(new Error('no node is needed')));
    expect(plan.leaves).toEqual([{ cid, offset: 0, size: 11 }]);
  });

  it('refuses a node that does not match its hash', async () => {
    const forged = fromBase64(kFile.root);
    forged[20]! ^= 1;
    await expect(
      planFile(parseCid(kFile.cid), kFile.size, async () => forged),
    ).rejects.toMatchObject({
      category: 'integrity',
    });
  });

  it('refuses another size than the announced one', async () => {
    const read = await reader([kFile.root]);
    await expect(planFile(parseCid(kFile.cid), kFile.size + 1, read)).rejects.toMatchObject({
      category: 'integrity',
    });
  });

  it('refuses packed nodes that are cut off', async () => {
    const plan = await planFile(parseCid(kNested.cid), 40, await reader(kNested.nodes));
    const packed = packNodes(plan.nodes);
    const cut = packedNodeReader(packed.subarray(0, packed.length - 10));
    await expect(planFile(parseCid(kNested.cid), 40, cut)).rejects.toMatchObject({
      category: 'integrity',
    });
  });
});
