import { describe, expect, test } from 'vitest';
import { MillraceError } from '../../../lib/kernel/errors.ts';
import type { Upload } from '../../../lib/storage/objects/port.ts';
import { JoinedUpload } from '../../../lib/storage/objects/replicated-upload.ts';

const bytes = Uint8Array.of(1, 2, 3);
const fault = new MillraceError('KAFKA_STORAGE_ERROR', 'the disk is full');

type FailsIn = 'write' | 'finish' | undefined;

/** One upload a replica, each of which fails where it is told to. */
function makeJoined(failing: FailsIn[]) {
  const calls: string[] = [];
  const noted: string[] = [];
  const upload = (replica: number, failsIn: FailsIn): Upload => {
    const step = async (what: string) => {
      calls.push(`${what} ${replica}`);
      if (what === failsIn) throw fault;
    };
    return { write: () => step('write'), finish: () => step('finish'), abort: () => step('abort') };
  };
  const joined = new JoinedUpload({
    uploads: new Map(failing.map((failsIn, replica) => [replica, upload(replica, failsIn)])),
    watch: async (replica, request) => {
      try {
        const result = await request();
        noted.push(`${replica} well`);
        return result;
      } catch (error) {
        noted.push(`${replica} failed`);
        throw error;
      }
    },
  });
  return { joined, calls, noted };
}

describe('an upload to several replicas', () => {
  test('is held by all that did not fail, and tells why the others do not have it', async () => {
    const { joined, calls, noted } = makeJoined([undefined, 'write', 'finish']);
    await joined.write([bytes]);
    await joined.write([bytes]);
    expect(await joined.finish()).toEqual({
      held: 0b001,
      failed: new Map([
        [1, fault],
        [2, fault],
      ]),
    });
    expect(calls).toEqual(['write 0', 'write 1', 'write 2', 'write 0', 'write 2', 'finish 0', 'finish 2']);
    // That bytes were taken says nothing of a replica.
    expect(noted).toEqual(['1 failed', '0 well', '2 failed']);
  });

  test('fails once no replica is left', async () => {
    const { joined } = makeJoined(['write', 'write']);
    await expect(joined.write([bytes])).rejects.toBe(fault);
  });

  test('to none at all fails', async () => {
    await expect(makeJoined([]).joined.write([bytes])).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect((await makeJoined([]).joined.finish()).held).toBe(0);
  });

  test('is aborted in all that have not failed', async () => {
    const { joined, calls } = makeJoined([undefined, 'write', undefined]);
    await joined.write([bytes]);
    await joined.abort();
    expect(calls.slice(3)).toEqual(['abort 0', 'abort 2']);
  });
});

describe('as one upload', () => {
  test('it fails where one replica does, and is aborted in the others', async () => {
    const { joined, calls } = makeJoined([undefined, 'write']);
    await expect(joined.toAll().write([bytes])).rejects.toBe(fault);
    expect(calls.slice(2)).toEqual(['abort 0']);
  });

  test('it fails also where one replica fails at the end', async () => {
    const { joined } = makeJoined([undefined, 'finish']);
    const upload = joined.toAll();
    await upload.write([bytes]);
    await expect(upload.finish()).rejects.toBe(fault);
  });
});
