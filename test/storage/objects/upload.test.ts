import { describe, expect, test } from 'vitest';
import { deferredUpload, gatheredUpload, uploadOf } from '../../../lib/storage/objects/upload.ts';

const bytes = Uint8Array.of(1, 2, 3);

/** An upload whose steps are remembered; each may be made to wait or to fail. */
function makeUpload(steps: { write?: () => Promise<void>; finish?: () => Promise<void> } = {}) {
  const calls: string[] = [];
  const upload = uploadOf({
    write: async () => {
      calls.push('write');
      await steps.write?.();
    },
    finish: async () => {
      calls.push('finish');
      await steps.finish?.();
    },
    drop: async () => void calls.push('drop'),
  });
  return { upload, calls };
}

const fail = async (): Promise<never> => {
  throw new Error('the disk is full');
};

describe('an upload', () => {
  test.each(['write', 'finish'] as const)('whose %s fails has let go of everything, once', async (step) => {
    const { upload, calls } = makeUpload({ [step]: fail });
    const failing = step === 'write' ? upload.write([bytes]) : upload.finish();
    await expect(failing).rejects.toThrow('the disk is full');
    await upload.abort();
    expect(calls).toEqual([step, 'drop']);
    await expect(upload.write([bytes])).rejects.toThrow('none after its end');
  });

  test('takes one call at a time', async () => {
    const { upload } = makeUpload();
    const [first, ...others] = await Promise.allSettled([
      upload.write([bytes]),
      upload.write([bytes]),
      upload.finish(),
    ]);
    expect(first.status).toBe('fulfilled');
    const refusal = { reason: { message: expect.stringContaining('one call at a time') } };
    expect(others).toMatchObject([refusal, refusal]);
    await upload.finish();
  });

  test('is aborted after the write that is under way, and takes none meanwhile', async () => {
    const gate = Promise.withResolvers<void>();
    const { upload, calls } = makeUpload({ write: () => gate.promise });
    const writing = upload.write([bytes]).then(() => upload.write([bytes]));
    const aborting = upload.abort();
    expect(calls).toEqual(['write']);
    gate.resolve();
    await expect(writing).rejects.toThrow('none after its end');
    await aborting;
    expect(calls).toEqual(['write', 'drop']);
  });

  test('that is aborted while it is being finished is an object if that succeeds', async () => {
    const { upload, calls } = makeUpload();
    await Promise.all([upload.finish(), upload.abort()]);
    expect(calls).toEqual(['finish']);
  });
});

test('what is gathered is no more than the store takes', async () => {
  const upload = gatheredUpload(async () => {}, 5);
  await upload.write([bytes]);
  await expect(upload.write([bytes])).rejects.toThrow('at most 5 bytes');
});

describe('an upload to a store that has to be opened', () => {
  test('opens it once, with the first call', async () => {
    let openings = 0;
    const { upload: inner, calls } = makeUpload();
    const upload = deferredUpload(async () => {
      openings++;
      return inner;
    });
    expect(openings).toBe(0);
    await upload.write([bytes]);
    await upload.write([bytes]);
    await upload.finish();
    expect(openings).toBe(1);
    expect(calls).toEqual(['write', 'write', 'finish']);
  });

  test('fails where it cannot be opened, and has nothing to let go of before', async () => {
    const unopened = deferredUpload(fail);
    await unopened.abort();
    await expect(deferredUpload(fail).write([bytes])).rejects.toThrow('the disk is full');
  });
});
