import { createClient } from '../lib/client/public.ts';

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('visits');
await client.produce(
  'visits',
  ['ada', 'bob', 'ada'].map((key) => ({ key, value: 'came by' })),
);

// Of all records that are there by now; by a header it is `header: { key, value }` in place of the key.
const { id } = await client.erasures.create({ topics: ['visits'], key: 'ada' });

// Readers are not given the records any more within seconds. It is done when nothing holds them, somewhat more than an hour later.
for (;;) {
  const { state, recordsRemoved } = await client.erasures.describe(id);
  if (state !== 'running') {
    console.log(`${recordsRemoved} records are taken out`);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
}
