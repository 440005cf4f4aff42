import { createClient, json } from '../lib/client/public.ts';

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('readings', { partitions: 2 });
await client.produce(
  'readings',
  Array.from({ length: 100 }, (_, n) => ({ value: n, partition: n % 2 })),
);

// What a partition's records add up to, as far as they are in the "database".
const sums = new Map<number, number>();
const database = new Map<number, number>();
const flush = (partition: number) => database.set(partition, sums.get(partition) ?? 0);

await using consumer = client.consumer({
  group: 'adders',
  topics: ['readings'],
  autoOffsetReset: 'earliest',
  commit: 'manual',
  valueDeserializer: json<number>(),
  onAssigned: (partitions) => {
    for (const { partition } of partitions) sums.set(partition, database.get(partition) ?? 0);
  },
  // Awaited: the next owner gets the partitions when they are written down.
  onRevoked: async (partitions) => {
    for (const { partition } of partitions) flush(partition);
  },
  // Another member has them already, and has begun where this one last committed.
  onLost: (partitions) => {
    for (const { partition } of partitions) sums.delete(partition);
  },
});
let read = 0;
for await (const batch of consumer.batches()) {
  const sum = batch.records.reduce((total, { value }) => total + (value ?? 0), sums.get(batch.partition) ?? 0);
  sums.set(batch.partition, sum);
  flush(batch.partition);
  await batch.commit();
  read += batch.records.length;
  if (read === 100) break;
}
console.log(`the even ones add up to ${database.get(0)}, the odd ones to ${database.get(1)}`);
