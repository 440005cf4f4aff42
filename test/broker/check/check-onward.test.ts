import { describe, expect, test } from 'vitest';
import { checkOnward } from '../../../lib/broker/check/check-onward.ts';
import { maintain } from '../../../lib/broker/maintain.ts';
import { produceRecords } from '../../../lib/broker/produce/produce.ts';
import { utf8 } from '../../../lib/kernel/bytes.ts';
import { checkLimits } from '../../../lib/kernel/limits/check.ts';
import type { MaintenanceCounts } from '../../../lib/kernel/maintenance-metrics.ts';
import { headKey } from '../../../lib/log/ledger/head.ts';
import { makeBroker, makeStores, makeTopic } from '../../support/broker.ts';

/** A topic of four ledgers, with a record that cannot be read any more. */
async function world() {
  const stores = makeStores();
  const { broker, ledger } = await makeTopic({ stores, partitions: 4, config: { 'ledger.partitions': 1 } });
  const records = [{ partition: 3, key: null, value: utf8('a'), headers: [] }];
  await produceRecords(broker, { topic: 't', records, acks: 'all' });
  const names = (await stores.objects.list('segments/')).objects.map(({ name }) => name);
  await stores.objects.delete(names);
  const counted: number[] = [];
  const process = () => {
    const made = makeBroker({ stores });
    const meter = {
      produced: () => {},
      fetched: () => {},
      maintained: ({ checkFindings }: MaintenanceCounts) => {
        if (checkFindings !== undefined) counted.push(checkFindings);
      },
    };
    return { ...made, broker: { ...made.broker, meter } };
  };
  return { stores, ledger, process, counted, names };
}

const progress = { pk: 'check', sk: 'progress' };

describe('the scheduled check', () => {
  test('goes through everything, logs and counts what it finds, and begins anew after a day', async () => {
    const { stores, process, counted, names } = await world();
    const { broker, logged } = process();
    expect(await checkOnward(broker, stores.metadata)).toMatchObject({ findings: 1, unjudged: 0 });
    expect(logged).toMatchObject([{ facts: { kind: 'object-missing', severity: 'damage', object: names[0] } }]);
    expect(counted).toEqual([1]);
    expect(await checkOnward(broker, stores.metadata)).toEqual({ steps: 0, findings: 0, swept: 0, unjudged: 0 });
    expect(counted).toEqual([1]);
    await stores.clock.advance(checkLimits.checkIntervalMs);
    expect(await checkOnward(broker, stores.metadata)).toMatchObject({ findings: 1 });
  });

  test('that is told to end goes on where it was, in another process', async () => {
    const { stores, process, counted } = await world();
    let left = 3;
    const signal = {
      get aborted() {
        return left-- <= 0;
      },
    } as AbortSignal;
    expect(await checkOnward(process().broker, stores.metadata, signal)).toEqual({
      steps: 3,
      findings: 0,
      swept: 0,
      unjudged: 0,
    });
    const item = await stores.metadata.get(progress, 'strong');
    expect(JSON.parse(item?.['place'] as string)).toMatchObject({ topic: 't' });
    const rest = await checkOnward(process().broker, stores.metadata);
    expect(rest.findings).toBe(1);
    expect(counted).toEqual([0, 1]);
    expect(await stores.metadata.get(progress, 'strong')).not.toHaveProperty('place');
  });

  test('begins a part anew whose cursor the store does not take', async () => {
    const { stores, process } = await world();
    const place = JSON.stringify({ part: 'items', cursor: 'old' });
    await stores.metadata.write([{ kind: 'put', key: progress, attributes: { startedMs: 1, place } }]);
    await expect(checkOnward(process().broker, stores.metadata)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    expect(await checkOnward(process().broker, stores.metadata)).toMatchObject({ steps: 1 });
  });

  test('is part of the maintenance where the table can be scanned', async () => {
    const { stores, process, counted, ledger } = await world();
    await maintain(process().broker, {});
    expect(counted).toEqual([]);
    await stores.metadata.write([{ kind: 'delete', key: headKey(ledger) }]);
    expect(await maintain(process().broker, { table: stores.metadata })).toEqual([]);
    expect(counted).toEqual([2]);
  });
});
