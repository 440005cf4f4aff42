/**
 * An hour of traffic with its maintenance, in compressed time, on DynamoDB Local and an S3 server: the bench's day is
 * longer.
 */
// Before all others, which take up what it changes.
import '../../../bench/lifecycle/scaled-limits.ts';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { inventoryOf } from '../../../bench/lifecycle/inventory.ts';
import { SCALE, Stack } from '../../../bench/lifecycle/traffic.ts';
import { storageLimits } from '../../../lib/kernel/limits/storage.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { type Dynamo, makeDynamo } from '../support/dynamo.ts';
import { dynamoDbLocalMissing } from '../support/dynamodb-local.ts';
import { describeWithPeer } from '../support/peer.ts';
import { makeS3, type S3 } from '../support/s3.ts';
import { s3ServerMissing } from '../support/s3-server.ts';

const HOUR_MS = 3_600_000;

describeWithPeer(dynamoDbLocalMissing() ?? s3ServerMissing())('an hour of traffic', () => {
  let [dynamo, s3]: [Dynamo?, S3?] = [];

  beforeAll(async () => {
    [dynamo, s3] = await Promise.all([makeDynamo(), makeS3()]);
  });

  afterAll(async () => {
    await Promise.all([dynamo?.close(), s3?.close()]);
  });

  it('leaves objects and items that the check agrees with, and few of them once readers have moved over', async () => {
    const metadata = await (dynamo as Dynamo).makeStore();
    const bucket = await (s3 as S3).makeStore();
    const stack = await Stack.open(async (clock) => {
      const inline = createInlineObjectStore({ metadata, clock, random: systemRandom });
      return {
        metadata,
        objects: createTieredObjectStore({ inline, bucket, inlineBytesMax: storageLimits.inlineBytesMaxDefault }),
      };
    });
    await stack.pass(HOUR_MS);
    expect(stack.bytesWritten * SCALE).toBe(3_600 * 1024 * 1024);
    const busy = await inventoryOf(stack.stores);
    expect((await stack.check()).findings).toEqual([]);
    await stack.pass(3 * HOUR_MS, { isBusy: false });
    const quiet = await inventoryOf(stack.stores);
    expect(stack.failed).toEqual([]);
    expect((await stack.check()).findings).toEqual([]);
    expect(busy.objects.segments.count).toBeGreaterThan(400);
    expect(quiet.objects.segments.count).toBeLessThan(100);
    expect(quiet.objects.merged.count).toBeLessThan(busy.objects.merged.count);
    expect(quiet.items.page.count).toBeLessThan(busy.items.page.count / 2);
  }, 240_000);
});
