/** Waiting for the holders of an object while the set of replicas changes. */
import { expect, it } from 'vitest';
import { awaitHolders } from '../../../lib/broker/append/holders.ts';
import { Placement } from '../../../lib/broker/append/placement.ts';
import { encodeReplication, initialReplication } from '../../../lib/coordination/replication/replica-state.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { seededRandom } from '../../../lib/kernel/random.ts';
import { initialHead, type LedgerHead } from '../../../lib/log/ledger/head.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { makeReplicatedStores } from '../../support/replicas.ts';

class SleepNotingClock extends ManualClock {
  readonly asked: number[] = [];

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.asked.push(ms);
    // Whoever asks for no sleep at all, again and again, would never let the test end.
    return ms > 0 ? super.sleep(ms, signal) : new Promise(() => {});
  }
}

function headWith(version: number, { inSync, joining }: { inSync: number; joining: number }): LedgerHead {
  const replication = initialReplication([0, 1, 2]);
  const state = { ...replication.state, inSync, joining };
  return { ...initialHead(encodeReplication({ ...replication, state })), version, isrVersion: version };
}

it('waits for a replica that joins while it is given some time to have the object, and looks after it', async () => {
  const clock = new SleepNotingClock();
  const { objects, replicas } = makeReplicatedStores({ clock });
  const gate = Promise.withResolvers<void>();
  (replicas[2] as (typeof replicas)[0]).gate = gate.promise;
  const ledger = { topicId: 't', index: 0 };
  let newest = headWith(1, { inSync: 0b011, joining: 0b100 });
  let looks = 0;
  const look = async () => void looks++;
  const parts = { heads: { peek: () => newest }, keeper: { look }, clock, random: seededRandom(1) };
  const placement = new Placement({ objects, clock }, { name: 'segments/1/0', chunks: [Uint8Array.of(1)], users: 1 });
  const rules = { minInSync: 1, uncleanAllowed: false };
  const deadlineMs = clock.monotonic() + produceLimits.produceDeadlineMs;
  const placed = awaitHolders(parts as never, placement, { ledger, head: newest, acks: 'all', rules, deadlineMs });
  await clock.advance(100);
  newest = headWith(2, { inSync: 0b111, joining: 0 });
  await clock.advance(3_000);
  expect(clock.asked.filter((ms) => ms <= 0)).toEqual([]);
  expect(looks).toBeGreaterThan(0);
  gate.resolve();
  await clock.advance(1);
  await expect(placed).resolves.toMatchObject({ replicated: { holders: 0b111 } });
});
