/**
 * What the sequences of idempotent producers cost: flushes of one request each of many producers, against the same
 * without.
 */

import { produceRecords } from '../../lib/broker/produce/produce.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { producerLimits } from '../../lib/kernel/limits/producers.ts';
import { seededRandom } from '../../lib/kernel/random.ts';
import { addCounts, NO_COUNTS, scaleCounts } from '../dollars.ts';
import { type Figure, show, type Table } from '../figure.ts';
import { text } from '../payloads.ts';
import type { AwsWorld } from './aws-world.ts';
import type { Operation } from './operation.ts';

/** Write units of a commit with 16 producers, beside the same without sequences. */
const MORE_UNITS_MAX = 1;

/** Counts them all. */
export async function idempotence(
  world: AwsWorld,
  progress: (text: string) => void,
): Promise<{ figures: Figure[]; table: Table }> {
  const counted: CountedFlushes[] = [];
  const figures: Figure[] = [];
  for (const partitions of [1, 16]) {
    const where = `${partitions} partition${partitions > 1 ? 's' : ''}`;
    progress(`flushes of 16 producers, ${where}`);
    const shape = { producers: 16, turns: 16, partitions };
    const plain = await flushes(world, {
      ...shape,
      name: `16 producers without sequences, ${where}`,
      sequences: false,
    });
    const checked = await flushes(world, { ...shape, name: `16 producers, ${where}`, sequences: true });
    counted.push(plain, checked);
    figures.push({
      name: `sequences of 16 producers, ${where}: more write units a commit`,
      value: checked.commitUnits - plain.commitUnits,
      show: show.units,
      bound: { kind: 'at-most', value: MORE_UNITS_MAX },
    });
  }
  progress('flushes of 64 producers in turn');
  const crowd = { name: '16 of 64 producers in turn, 1 partition', producers: 16, turns: 64, partitions: 1 };
  counted.push(await flushes(world, { ...crowd, sequences: true }));
  return { figures, table: flushTable(counted) };
}

interface FlushShape {
  name: string;
  /** Requests of a flush, each of another producer. */
  producers: number;
  partitions: number;
  sequences: boolean;
  /** Producers that take turns; of more than a head holds, not all are in it. */
  turns: number;
}

const FLUSHES = 200;
const VALUE_BYTES = 1_024;

interface CountedFlushes extends Operation {
  /** Write units of the flushes that no seal fell into, on average. */
  commitUnits: number;
}

async function flushes(world: AwsWorld, shape: FlushShape): Promise<CountedFlushes> {
  const { name, producers, partitions, sequences, turns } = shape;
  const process = world.startProcess();
  const topic = `flushed-${partitions}-${producers}-${turns}-${String(sequences)}`;
  await createTopic(process, { name: topic, partitions });
  const sent = Array.from({ length: turns }, () => 0);
  const random = seededRandom(1);
  const flush = async (index: number) => {
    const outcomes = await Promise.all(
      Array.from({ length: producers }, (_, order) => {
        const producer = (index * producers + order) % turns;
        const sequence = { principal: 'bench', id: `p${producer}`, epoch: 0, firstSequence: sent[producer] as number };
        sent[producer] = (sent[producer] as number) + 1;
        const value = new TextEncoder().encode(text(random, VALUE_BYTES));
        const records = [{ partition: producer % partitions, key: null, value, headers: [] }];
        return produceRecords(process, { topic, records, acks: 'all', ...(sequences && { producer: sequence }) });
      }),
    );
    if (outcomes.flat().some(({ outcome }) => outcome !== 'written')) throw new Error('a record was not written');
  };
  // Until every producer has written as many batches as are kept of it.
  const warmUp = Math.ceil((turns / producers) * (producerLimits.producerBatchesKept + 1));
  for (let index = 0; index < warmUp; index++) await flush(index);
  let total = NO_COUNTS;
  const withoutSeal: number[] = [];
  for (let index = 0; index < FLUSHES; index++) {
    const counts = await world.count([process], () => flush(warmUp + index));
    total = addCounts(total, counts);
    // A seal is a page and a trim.
    if (counts.tableCalls < 3) withoutSeal.push(counts.writeUnits);
  }
  await world.emptyBucket();
  const commitUnits = withoutSeal.reduce((sum, units) => sum + units, 0) / withoutSeal.length;
  return { name, payloadBytes: producers * VALUE_BYTES, counts: scaleCounts(total, 1 / FLUSHES), commitUnits };
}

function flushTable(counted: readonly CountedFlushes[]): Table {
  return {
    title: 'What the sequences of idempotent producers cost: flushes of 16 requests of 1 KiB',
    columns: ['flush', 'write units of the commit', 'seals included', 'read units', 'table calls'],
    rows: counted.map(({ name, commitUnits, counts }) => [
      name,
      commitUnits.toFixed(2),
      counts.writeUnits.toFixed(2),
      counts.readUnits.toFixed(2),
      counts.tableCalls.toFixed(2),
    ]),
    notes: ['A producer that is not in the head costs an item of its own, and the append a transaction.'],
  };
}
