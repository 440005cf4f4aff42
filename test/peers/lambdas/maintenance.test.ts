/** The scheduled function as a built bundle under the official runtime interface client. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../../lib/kernel/clock.ts';
import { newObjectId } from '../../../lib/kernel/ids.ts';
import { sweeperLimits } from '../../../lib/kernel/limits/sweeper.ts';
import { systemRandom } from '../../../lib/kernel/random.ts';
import { encodeFooter } from '../../../lib/log/segment/footer.ts';
import { objectName } from '../../../lib/log/segment/object-name.ts';
import { createS3ObjectStore } from '../../../lib/storage/objects/s3.ts';
import { type Functions, functionsMissing, makeFunctions } from '../support/functions.ts';
import { describeWithPeer } from '../support/peer.ts';

const time = { clock: systemClock, random: systemRandom };

describeWithPeer(functionsMissing())('the maintenance', () => {
  let functions: Functions;

  beforeAll(async () => {
    functions = await makeFunctions();
  });

  afterAll(() => functions?.close());

  it('deletes objects that no ledger has, once they are old enough', async () => {
    const bucket = functions.variables('maintenance')['MILLRACE_BUCKET'] as string;
    const store = createS3ObjectStore({ client: functions.s3.client, bucket, ...time });
    const put = async (ageMs: number) => {
      const object = newObjectId(systemClock.now() - ageMs, systemRandom);
      await store.put(objectName('segments', object), [encodeFooter({ object, parts: [] })]);
      return objectName('segments', object);
    };
    await put(sweeperLimits.orphanAgeMs + 60_000);
    const young = await put(0);
    const maintenance = await functions.start('maintenance');
    expect(await maintenance.invoke({}, { timeoutMs: 60_000 })).toMatchObject({ kind: 'answer' });
    expect((await store.list('segments/')).objects.map(({ name }) => name)).toEqual([young]);
  });

  it('fails where storage does, so that an alarm sees it', async () => {
    const broken = await functions.start('maintenance', { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' });
    const outcome = await broken.invoke({}, { timeoutMs: 120_000 });
    expect(outcome).toMatchObject({
      kind: 'error',
      error: { errorMessage: expect.stringContaining('sweep of orphan objects') },
    });
  });
});
