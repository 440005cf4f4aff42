import { createClient } from '../lib/client/public.ts';

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('words');
await client.topics.create('counts');
await client.produce('words', [{ value: 'to be or not to be' }]);

// First: what an earlier run of this program may still have under way cannot be committed any more.
await client.initTransactions('counter');
// Then: where it got to.
const [committed] = await client.committedOffsets('counter');
const { records, nextOffset } = await client.fetch('words', 0, { offset: committed?.offset ?? 'earliest' });
const { receipts } = await client.transaction(
  async (tx) => {
    for (const { value } of records) {
      const count = String(value).split(' ').length;
      await tx.send({ topic: 'counts', records: [{ key: 'words', value: count }] });
    }
    // What was read moves on together with what it led to: neither can happen without the other.
    tx.commitOffsets({ group: 'counter', offsets: [{ topic: 'words', partition: 0, offset: nextOffset }] });
  },
  { transactionalId: 'counter' },
);
console.log(`${receipts.length} count is written, and the group is at ${nextOffset}`);
