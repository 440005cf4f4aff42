import { createClient, json } from '../lib/client/public.ts';

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('amounts', { partitions: 2 });
await client.topics.create('taxes');
await client.produce(
  'amounts',
  [100, 200, 300, 400].map((value, n) => ({ value, partition: n % 2 })),
);

await using consumer = client.consumer({
  group: 'taxers',
  topics: ['amounts'],
  autoOffsetReset: 'earliest',
  commit: 'manual',
  valueDeserializer: json<number>(),
});
let done = 0;
for await (const batch of consumer.batches()) {
  // What was read is committed with what it leads to, and only while this member owns the partition: whoever takes it over
  // begins after these records, or, where this fails, with them.
  await client.transaction(async (transaction) => {
    const taxes = batch.records.map(({ value }) => ({ value: (value ?? 0) * 0.2 }));
    await transaction.send({ topic: 'taxes', records: taxes });
    transaction.commitOffsets(batch.groupOffsets());
  });
  done += batch.records.length;
  if (done === 4) break;
}
const { records } = await client.fetch('taxes', 0, { offset: 'earliest', as: 'json' });
console.log(records.map(({ value }) => Number(value)).sort((a, b) => a - b));
