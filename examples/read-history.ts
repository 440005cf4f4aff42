import { createClient } from '../lib/client/public.ts';

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('prices');
await client.produce(
  'prices',
  [3, 4, 5].map((price) => ({ key: 'wheat', value: { price } })),
);

// `follow: false` ends where the partition ended when the reader began; without it the reader waits for what is written.
const reader = client.reader('prices', 0, { offset: 1, as: 'json', follow: false });
for await (const { offset, value } of reader.records()) console.log(offset, value);
console.log(`next is ${reader.nextOffset}`);
