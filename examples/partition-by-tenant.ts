import { createClient, partitionForKey } from '../lib/client/public.ts';

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('events', { partitions: 12 });

const encoder = new TextEncoder();
await using producer = client.producer<string, string>({
  // All of a tenant's records stay together, whatever their keys: "acme/17" goes where "acme" goes.
  partitioner: ({ key }, partitions) => partitionForKey(encoder.encode(key?.split('/')[0]), partitions),
});
const receipts = await producer.send({
  topic: 'events',
  records: ['acme/1', 'acme/2', 'globex/1', 'acme/3'].map((key) => ({ key, value: 'clicked' })),
});
const tenants = receipts.filter((_, index) => index !== 2).map(({ partition }) => partition);
console.log(`acme has ${new Set(tenants).size} partition`);
