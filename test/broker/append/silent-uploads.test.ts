/** Uploads that never end, to a replica that nobody has to wait for. */
import { expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import { settled } from '../../../lib/broker/broker.ts';
import { headView } from '../../../lib/broker/ledger/replicated.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { batchOf, headOf, makeTopic } from '../../support/broker.ts';
import { makeReplicatedStores, type SwitchableStore } from '../../support/replicas.ts';
import { refusal } from '../../support/sequenced.ts';

const MIB = 2 ** 20;

/** A topic with three replicas, of which one does not answer. */
async function makeWorld() {
  const stores = makeReplicatedStores();
  const process = await makeTopic({ stores, replicationFactor: 3 });
  const leader = headView(await headOf(stores.metadata, process.ledger))?.state.leader ?? -1;
  (stores.replicas[(leader + 1) % 3] as SwitchableStore).fault = 'silent';
  const { ledger, slot } = ledgerOf(await process.broker.topics.get('t'), 0);
  const run = runOf([batchOf('x'.repeat(4 * MIB))]);
  const produce = async () => {
    const deadlineMs = process.clock.monotonic() + produceLimits.produceDeadlineMs;
    return process.broker.appender.append({ ledger, slot, run, acks: 'leader', deadlineMs });
  };
  return { ...process, produce };
}

it('keep others from writing only for a while, once they are as many as may be in memory', async () => {
  const { clock, produce } = await makeWorld();
  const refusals: unknown[] = [];
  for (let n = 0; n < (2 * produceLimits.pendingBytesMax) / (4 * MIB); n++) refusals.push(await refusal(produce()));
  const appended = refusals.findIndex((error) => error !== undefined);
  expect(refusals[appended]).toMatchObject({ code: 'THROTTLING_QUOTA_EXCEEDED', effect: 'none' });
  await clock.advance(60_000);
  const later = produce();
  await clock.until(later);
  await expect(later).resolves.toBe(appended);
});

it('do not keep who waits for the end of all work for ever', async () => {
  const { broker, clock, produce } = await makeWorld();
  await produce();
  const tookMs = await clock.until(settled(broker));
  expect(tookMs).toBeLessThan(60_000);
});
