/**
 * Processes that were not given all replicas of a ledger: their configuration is older, or newer, than the ledger's
 * replicas.
 */
import { describe, expect, it } from 'vitest';
import { headView } from '../../../lib/broker/ledger/replicated.ts';
import { maskOf } from '../../../lib/coordination/replication/replica-state.ts';
import type { MillraceError } from '../../../lib/kernel/errors.ts';
import { createInlineObjectStore } from '../../../lib/storage/objects/inline.ts';
import { ReplicaSet } from '../../../lib/storage/objects/replicated.ts';
import { createTieredObjectStore } from '../../../lib/storage/objects/tiered.ts';
import { headOf, makeBroker, makeTopic } from '../../support/broker.ts';
import { makeReplicatedStores } from '../../support/replicas.ts';
import { plain, send, valuesIn, type Writer } from '../../support/sequenced.ts';

/**
 * A process over the stores, and one that was given these of the three replicas; a single one is a bucket by itself.
 */
async function makeWorld(known: readonly number[]): Promise<{ whole: Writer; partial: Writer; leader: number }> {
  const stores = makeReplicatedStores();
  const { metadata, clock } = stores;
  const whole = await makeTopic({ stores, replicationFactor: 3 });
  const leader = headView(await headOf(metadata, whole.ledger))?.state.leader ?? -1;
  const given = known.map((id) => ({ id, name: `r${id}`, rack: 'a', store: stores.replicas[id] as never }));
  const bucket = given.length === 1 ? given[0]?.store : new ReplicaSet({ replicas: given, clock });
  const inline = createInlineObjectStore({ metadata, clock });
  const objects = createTieredObjectStore({ inline, bucket: bucket as never, inlineBytesMax: 0 });
  const partial = { ...makeBroker({ stores: { ...stores, objects } }), ledger: whole.ledger };
  return { whole, partial, leader };
}

describe('a process that does not know all replicas of a ledger', () => {
  it.each([{ known: [0] }, { known: [0, 1] }, { known: [1, 2] }])(
    'says of no other than $known that it holds anything, and refuses acks=all at the deadline',
    async ({ known }) => {
      const { whole, partial } = await makeWorld(known);
      const appended = plain(partial, 0, 'all');
      appended.catch(() => undefined);
      await partial.clock.until(appended);
      await expect(appended).rejects.toMatchObject({ code: 'NOT_ENOUGH_REPLICAS', effect: 'none' });
      expect(await valuesIn(whole)).toEqual([]);
    },
  );

  it.each([{ known: [0] }, { known: [0, 1] }, { known: [1, 2] }])(
    'appends with acks=leader where it knows the leader, of $known',
    async ({ known }) => {
      const { whole, partial, leader } = await makeWorld(known);
      const holders = send(partial, { seq: 0, acks: 'leader' }).then(
        async () => (await headOf(whole.metadata, whole.ledger)).tail[0]?.replicated?.holders,
        ({ code }: MillraceError) => code,
      );
      await partial.clock.until(holders);
      await expect(holders).resolves.toBe(known.includes(leader) ? maskOf(known) : 'NOT_ENOUGH_REPLICAS');
    },
  );
});
