/** Batches of a kilobyte that inflate to some MB: a request full of them takes turns with what others want. */
import { expect, it } from 'vitest';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { MIB } from '../../lib/kernel/limits/sizes.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import { batchOf, record } from '../support/broker.ts';
import { gatewayWorld } from './support/gateway-world.ts';

const BOMBS = 20;
const TOO_LARGE = 10;

function bomb(): Uint8Array {
  const value = 'x'.repeat(4 * MIB);
  return encodeBatch([record(value)], { compressionType: 'zstd', compression: nodeCompression });
}

function produced(topic: string, batches: readonly Uint8Array[]) {
  const partitionData = batches.map((records, index) => ({ index, records }));
  return { transactionalId: null, acks: -1, timeoutMs: 60_000, topicData: [{ name: topic, partitionData }] };
}

it('refuses bombs, and lets other clients write between two of them', { timeout: 60_000 }, async () => {
  const { broker, connect } = await gatewayWorld();
  await createTopic(broker, { name: 'victim', partitions: BOMBS });
  await createTopic(broker, { name: 'witness', partitions: 1 });
  const [attacker, witness] = [await connect(), await connect()];
  const one = bomb();
  const attack = { isOver: false };
  const answer = attacker
    .request(
      'Produce',
      9,
      produced(
        'victim',
        Array.from({ length: BOMBS }, () => one),
      ),
    )
    .finally(() => (attack.isOver = true));
  let written = 0;
  const seen = async () => {
    const { responses } = await witness.request('Produce', 9, produced('witness', [batchOf(String(written))]));
    expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0);
    // Its frame may have been there before that of the attack was looked at.
    if (!attack.isOver) written += 1;
  };
  for (let count = 0; count < 4; count++) await seen();
  expect(written).toBeGreaterThan(1);
  const codes = (await answer).responses[0]?.partitionResponses.map(({ errorCode }) => errorCode);
  expect(codes).toEqual(Array.from({ length: BOMBS }, () => TOO_LARGE));
});
