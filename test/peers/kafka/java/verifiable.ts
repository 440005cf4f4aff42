/**
 * `VerifiableProducer` writes while two `VerifiableConsumer`s of a group read, one of which is killed in the middle.
 * What was acknowledged must be read by the group, exactly at the offset that the producer was told; and twice only
 * where the one that was killed had not committed it.
 */
import assert from 'node:assert/strict';
import { committedOffsets, createTopics } from './admin.ts';
import { eventually } from './eventually.ts';
import { JavaProcess } from './jvm.ts';
import type { Scenario } from './scenario.ts';
import { type PartitionOffset, placeOf, VerifiableConsumer } from './verifiable-consumer.ts';
import { verifiableProducer } from './verifiable-producer.ts';

type Protocol = 'classic' | 'consumer';

interface RoundTrip {
  bootstrap: string;
  protocol: Protocol;
  records: number;
  /** Records each second. */
  throughput: number;
  /** Whether a consumer is killed; otherwise it is asked to end. */
  kill: boolean;
}

interface ProducerEvent extends PartitionOffset {
  name: string;
  value: string;
}

const PARTITIONS = 4;
/** The shortest that Kafka allows. */
const SESSION_MS = 6_000;
/** Members of KIP-848 are given up after 45 s; then what they had is read by the other one. */
const READ_MS_MAX = 240_000;

export const verifiable: Scenario = {
  about: 'VerifiableProducer and two VerifiableConsumers, one of them killed: classic and consumer groups',
  run: async ({ bootstrap, note }) => {
    for (const protocol of ['classic', 'consumer'] as const) {
      const trip = { bootstrap, protocol, records: 20_000, throughput: 2_000, kill: true };
      const { twice } = await verifiableRoundTrip(trip);
      note(`${protocol}: ${trip.records} records acknowledged, each read at its offset; ${twice} twice after a kill`);
    }
  },
};

export async function verifiableRoundTrip(trip: RoundTrip): Promise<{ read: number; twice: number }> {
  const { bootstrap, protocol, records, throughput, kill } = trip;
  const topic = `verifiable-${protocol}`;
  await createTopics(bootstrap, { names: [topic], partitions: PARTITIONS });
  const args = [
    '--group-protocol',
    protocol,
    ...(protocol === 'classic' ? ['--session-timeout', `${SESSION_MS}`] : []),
  ];
  const first = new VerifiableConsumer({ bootstrap, topic, args });
  const second = new VerifiableConsumer({ bootstrap, topic, args });
  for (const consumer of [first, second]) {
    await consumer.process.until('it had partitions', () => consumer.assigned);
  }
  const producer = new JavaProcess(verifiableProducer({ bootstrap, topic, records, throughput }));
  const share = records / 10;
  // By time, for either can be the last one that says something.
  await eventually(() => {
    const read = [first, second].map(({ values }) => values.size);
    assert.ok(Math.min(...read) > share, `both have to read some, and have read ${read.join(' and ')}`);
  }, READ_MS_MAX);
  await (kill ? first.process.kill() : first.process.stop());
  const { code } = await producer.ended();
  assert.equal(code, 0, producer.said);
  const acked = acknowledged(producer, records);
  const places = [...acked.keys()];
  const allRead = () => places.every((place) => first.values.has(place) || second.values.has(place));
  await second.process.until('all was read', allRead, READ_MS_MAX);
  // As the group has it: who is killed may not have said all that it has committed.
  await eventually(async () => {
    const committed = await committedOffsets(bootstrap, topic, topic);
    assert.equal(sumOf([...committed.values()]), records, 'not all was committed');
  }, READ_MS_MAX);
  await second.process.stop();
  for (const [place, value] of [...first.values, ...second.values]) assert.equal(value, acked.get(place), place);
  return { read: acked.size, twice: readTwice(first, second) };
}

/** What the producer was told, by partition and offset. */
function acknowledged(producer: JavaProcess, records: number): Map<string, string> {
  const events = producer.lines.map((line) => JSON.parse(line) as ProducerEvent);
  const acked = new Map<string, string>();
  const ends = Array.from({ length: PARTITIONS }, () => 0);
  for (const event of events.filter(({ name }) => name === 'producer_send_success')) {
    acked.set(placeOf(event), event.value);
    ends[event.partition] = Math.max(ends[event.partition] ?? 0, event.offset + 1);
  }
  assert.equal(acked.size, records, 'every record has a place of its own');
  assert.equal(sumOf(ends), records, 'offsets have no gaps');
  assert.equal(new Set(acked.values()).size, records);
  return acked;
}

/** How many records the second had to read again, none of which the first had committed. */
function readTwice(first: VerifiableConsumer, second: VerifiableConsumer): number {
  const twice = [...first.values.keys()].filter((place) => second.values.has(place));
  for (const place of twice) {
    const [partition = 0, offset = 0] = place.split(':').map(Number);
    assert.ok(offset >= first.committed(partition), `${place} was committed, and read again`);
  }
  return twice.length;
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
