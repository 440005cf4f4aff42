/** Reading where a process was not given all replicas of the ledger: the others may have what these lack. */
import { expect, it } from 'vitest';
import { PartitionView } from '../../../lib/broker/read/partition-view.ts';
import { readBatches } from '../../../lib/broker/read/read-batches.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { type Replica, ReplicaSet } from '../../../lib/storage/objects/replicated.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { makeBroker } from '../../support/broker.ts';
import { afterUncleanElection } from '../../support/reading-world.ts';

/** As a process reads from the offset 1 on, where the records 1 and 2 may be lost, that was given these replicas. */
async function readWith(ids: readonly number[], { comeBack }: { comeBack: boolean }) {
  const world = await afterUncleanElection();
  if (comeBack) await world.comeBack();
  const { clock, metadata, replicas } = world;
  const given = ids.map((id): Replica => ({ id, name: `r${id}`, rack: 'a', store: replicas[id] as Replica['store'] }));
  const bucket = given.length === 1 ? (given[0] as Replica).store : new ReplicaSet({ replicas: given, clock });
  const inline = createInlineObjectStore({ metadata, clock });
  const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: 0 });
  const { broker } = makeBroker({ stores: { ...world.stores, objects } });
  const view = new PartitionView({ ledger: world.ledger, slot: 0, partition: 0, head: await world.head(), ...broker });
  const { nextOffset } = await readBatches(broker, view, 1, { maxBytes: 1 });
  return nextOffset;
}

it('passes over what may be lost where all of the ledger’s replicas were asked', async () => {
  await expect(readWith([0, 1, 2], { comeBack: false })).resolves.toBe(2);
  await expect(readWith([2, 1, 0], { comeBack: true })).resolves.toBe(2);
});

it.each([{ given: [1, 2] }, { given: [2] }])(
  'fails where the process was given $given alone, though these lack the records',
  async ({ given }) => {
    await expect(readWith(given, { comeBack: true })).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  },
);
