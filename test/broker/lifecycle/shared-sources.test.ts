import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { SharedSources } from '../../../lib/broker/lifecycle/shared-sources.ts';
import { mergingLimits } from '../../../lib/kernel/limits/merging.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { KeptObjects } from '../../../lib/storage/objects/kept-objects.ts';
import type { ByteRange } from '../../../lib/storage/objects/port.ts';
import { Spool } from '../../../lib/storage/objects/spool.ts';

const ENOUGH = mergingLimits.mergeSharedBytesMin;
const content = new Uint8Array(10 * ENOUGH).map((_, index) => (index * 2_654_435_761) >>> 24);
const at = (part: number, bytes = ENOUGH): ByteRange => ({ start: part * ENOUGH, end: part * ENOUGH + bytes });

/** Objects of this content, but for one that is missing. */
function made({ keptBytes = 1_000 * ENOUGH } = {}) {
  const asked: string[] = [];
  const spool = new Spool({ directory: tmpdir(), bytesMax: (keptBytes * 100) / storageLimits.keptObjectsPercent });
  const sources = new SharedSources(new KeptObjects(spool));
  const reading = sources.over({
    getRange: async (name, range) => {
      asked.push(range === undefined ? name : `${name} ${range.start / ENOUGH}`);
      return name === 'missing' ? undefined : content.slice(range?.start ?? 0, range?.end);
    },
  });
  return { asked, sources, reading };
}

describe('what several ledgers share', () => {
  it('is read once, whichever ranges of it are asked for', async () => {
    const { asked, reading } = made();
    for (const part of [0, 3, 9]) {
      const bytes = await reading.getRange('a', at(part));
      expect(Buffer.compare(bytes as Uint8Array, content.subarray(part * ENOUGH, (part + 1) * ENOUGH))).toBe(0);
    }
    expect(asked).toEqual(['a']);
  });

  it('is read as it is asked for where that is little', async () => {
    const { asked, reading } = made();
    expect(await reading.getRange('a', at(1, ENOUGH - 1))).toHaveLength(ENOUGH - 1);
    expect(await reading.getRange('a', at(2, ENOUGH - 1))).toHaveLength(ENOUGH - 1);
    expect(asked).toEqual(['a 1', 'a 2']);
  });

  it('may be missing, which is asked again', async () => {
    const { asked, reading } = made();
    expect(await reading.getRange('missing', at(0))).toBeUndefined();
    expect(await reading.getRange('missing', at(0))).toBeUndefined();
    expect(asked).toEqual(['missing', 'missing']);
  });

  it('is as much for each ledger as is still there for the next one', async () => {
    const { asked, sources, reading } = made({ keptBytes: 4 * content.length });
    for (let ledger = 0; ledger < 3; ledger++) {
      sources.begin();
      for (let n = 0; n < 3; n++) {
        expect(sources.hasEnough()).toBe(false);
        await reading.getRange(`o${n}`, at(ledger));
      }
      expect(sources.hasEnough()).toBe(true);
    }
    expect(asked).toEqual(['o0', 'o1', 'o2']);
  });

  it('is read for a few at a time', async () => {
    const { asked, reading } = made();
    const most = mergingLimits.mergeSharedReadsInFlightMax;
    const all = Array.from({ length: most + 1 }, (_, n) => reading.getRange(`o${n}`, at(0)));
    await Promise.resolve();
    expect(asked).toHaveLength(most);
    await Promise.all(all);
    expect(asked).toHaveLength(most + 1);
  });
});
