import { createClient, json, text } from '../lib/client/public.ts';

interface Order {
  total: number;
}

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('purchases');
await client.produce('purchases', [
  { key: 'ada', value: { total: 12 } },
  { key: 'bob', value: { total: 30 } },
]);

// When it aborts, the loop ends with the record in hand, and the consumer commits and leaves. A server aborts it on SIGTERM.
const enough = new AbortController();
const consumer = client.consumer({
  group: 'billing',
  topics: ['purchases'],
  autoOffsetReset: 'earliest',
  keyDeserializer: text(),
  valueDeserializer: json<Order>(),
  signal: enough.signal,
});
for await (const { key, value } of consumer.records()) {
  // The record is done, and is committed then, when the next one is asked for; where this throws, it comes again.
  console.log(`${key} pays ${value?.total}`);
  if (key === 'bob') enough.abort();
}
const [committed] = await client.committedOffsets('billing');
console.log(`the group is at ${committed?.offset}`);
