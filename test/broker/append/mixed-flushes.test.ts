/**
 * One object for ledgers with several replicas and for some with a single one: each goes its own way with the same
 * bytes.
 */
import { expect, it } from 'vitest';
import { runOf } from '../../../lib/broker/append/accept-batches.ts';
import type { AppendRequest } from '../../../lib/broker/append/unit.ts';
import { headView } from '../../../lib/broker/ledger/replicated.ts';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { produceLimits } from '../../../lib/kernel/limits/produce.ts';
import { ledgerOf } from '../../../lib/log/topic/topic.ts';
import { batchOf, headOf, makeBroker, type Process } from '../../support/broker.ts';
import { idle } from '../../support/manual-clock.ts';
import { makeReplicatedStores, type SwitchableStore } from '../../support/replicas.ts';
import { valuesIn } from '../../support/sequenced.ts';

async function makeLedger({ broker }: Process, name: string, replicationFactor: number) {
  await createTopic(broker, { name, replicationFactor });
  return ledgerOf(await broker.topics.get(name), 0).ledger;
}

/** A replicated ledger that another replica leads than the own bucket. */
async function ledAbroad(process: Process) {
  for (let n = 0; ; n++) {
    const ledger = await makeLedger(process, `t${n}`, 3);
    const leader = headView(await headOf(process.metadata, ledger))?.state.leader;
    if (leader !== 0) return ledger;
  }
}

function produce({ broker }: Process, request: Pick<AppendRequest, 'ledger' | 'acks'>, value: string) {
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  return broker.appender.append({ ...request, slot: 0, run: runOf([batchOf(value)]), deadlineMs });
}

it('does not give bytes to the cache while another ledger of the flush may still have them sent', async () => {
  const stores = makeReplicatedStores();
  const process = makeBroker({ stores, cacheBytes: 1_000 });
  const [own] = stores.replicas as [SwitchableStore];
  const replicated = await ledAbroad(process);
  const single = await makeLedger(process, 'single', 1);
  await produce(process, { ledger: single }, 'before');
  own.fault = 'down';
  const first = produce(process, { ledger: replicated, acks: 'leader' }, 'to the others');
  const second = produce(process, { ledger: single }, 'to the own bucket');
  await expect(first).resolves.toBe(0);
  await idle();
  // What the cache has it may drop at any time: whatever it keeps now takes the place of what came before.
  own.fault = undefined;
  const [commit] = (await headOf(stores.metadata, single)).tail;
  if (commit === undefined) throw new Error('the first record is in the tail');
  process.broker.runs.keep(commit, 0, [batchOf('something else')]);
  await process.clock.until(second);
  await expect(second).resolves.toBe(1);
  const later = { ...makeBroker({ stores }), ledger: single };
  expect(await valuesIn(later)).toEqual(['before', 'to the own bucket']);
});
