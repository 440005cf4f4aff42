import { createClient, json, text } from '../lib/client/public.ts';

interface Order {
  customer: string;
  total: number;
}

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('orders', { partitions: 6 });

await using producer = client.producer({ keySerializer: text(), valueSerializer: json<Order>() });
const [receipt] = await producer.send({
  topic: 'orders',
  records: [{ key: 'ada', value: { customer: 'ada', total: 12 }, headers: { source: 'shop' } }],
});
console.log(`written to partition ${receipt?.partition} at offset ${receipt?.offset}`);

const { records } = await client.fetch('orders', receipt?.partition ?? 0, { offset: 'earliest', as: 'json' });
for (const { key, value } of records) console.log(key, JSON.stringify(value));
