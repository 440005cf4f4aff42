import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedBytesError } from '../../../lib/kernel/bytes.ts';
import { commitId } from '../../../lib/kernel/ids.ts';
import { type Commit, idOf, packCommit, unpackCommit } from '../../../lib/log/ledger/commit.ts';
import type { Run } from '../../../lib/log/segment/footer.ts';
import { commit, objectId } from '../../support/ledger-arbitraries.ts';

const ONE_RUN: Commit = {
  tier: 'inline',
  object: { birthMs: 0x0102030405, random: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
  part: 9,
  position: 300,
  runs: [{ slot: 3, bytes: 128, records: 2, maxTimestamp: 0x0102030405 - 1, crc32c: 0xdeadbeef }],
};

describe('packCommit', () => {
  it('survives packing, whatever it holds', () => {
    fc.assert(
      fc.property(commit, (any) => {
        expect(unpackCommit(packCommit(any))).toEqual(any);
      }),
    );
  });

  it('has the layout that the documentation gives', () => {
    expect(Buffer.from(packCommit(ONE_RUN)).toString('hex')).toBe(
      ['01', '000102030405', '0102030405060708', '09', '0008', 'ac02', '8001', '02', '01', 'deadbeef'].join(''),
    );
  });

  it('has the layout that the documentation gives for a bundle: its items, and no checksums', () => {
    const [run] = ONE_RUN.runs;
    const entry: Commit = { ...ONE_RUN, position: 0, bundle: 2, runs: [{ ...(run as Run), crc32c: 0 }] };
    expect(Buffer.from(packCommit(entry)).toString('hex')).toBe(
      ['05', '000102030405', '0102030405060708', '09', '0008', '02', '8001', '02', '01'].join(''),
    );
    expect(() => packCommit({ ...entry, position: 1 })).toThrow('no position');
    expect(() => packCommit({ ...entry, bundle: 0 })).toThrow('a bundle has items');
    expect(() => packCommit({ ...entry, alone: true })).toThrow('a bundle has no object');
  });

  it('says in one bit that the object has nothing else', () => {
    const packed = packCommit({ ...ONE_RUN, alone: true });
    expect([packed[0], ...packed.subarray(1)]).toEqual([
      0b1001,
      ...packCommit({ ...ONE_RUN, alone: false }).subarray(1),
    ]);
    expect(unpackCommit(packed)).toEqual({ ...ONE_RUN, alone: true });
  });

  it('refuses to be read where bytes are missing or left over', () => {
    fc.assert(
      fc.property(commit, fc.nat(), (any, seed) => {
        const packed = packCommit(any);
        expect(() => unpackCommit(packed.subarray(0, seed % packed.length))).toThrow(MalformedBytesError);
        const longer = new Uint8Array(packed.length + 1);
        longer.set(packed);
        expect(() => unpackCommit(longer)).toThrow('bytes too many');
      }),
    );
  });

  it.each([
    ['no run', [], 'at least one run'],
    ['a run without records', [{ ...ONE_RUN.runs[0], records: 0 }], 'at least one record'],
    ['slots out of order', [ONE_RUN.runs[0], { ...ONE_RUN.runs[0], slot: 2 }], 'slot 2 after 3'],
    ['a slot twice', [ONE_RUN.runs[0], ONE_RUN.runs[0]], 'slot 3 after 3'],
    ['a slot beyond 15', [{ ...ONE_RUN.runs[0], slot: 16 }], 'slot 16 after -1'],
  ])('asserts that a commit has not %s', (_, runs, reason) => {
    expect(() => packCommit({ ...ONE_RUN, runs: runs as Commit['runs'] })).toThrow(reason);
  });
});

describe('idOf', () => {
  it('is the random bytes of the object and the part', () => {
    fc.assert(
      fc.property(objectId, fc.nat({ max: 255 }), (object, part) => {
        expect(idOf({ ...ONE_RUN, object, part })).toEqual(commitId(object, part));
      }),
    );
  });
});
