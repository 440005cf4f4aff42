import { createClient } from '../lib/client/public.ts';

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('measurements', { partitions: 3 });

let written = 0;
const producer = client.producer<string, { second: number }>({
  lingerMs: 20,
  onDelivery: ({ record, receipt, error }) => {
    if (receipt !== undefined) written++;
    else console.error(`${record.key} was not written: ${error.message}`);
  },
});
for (let second = 0; second < 1_000; second++) {
  // Not awaited: the producer batches, keeps the order, and tells onDelivery.
  void producer.send({ topic: 'measurements', records: [{ key: `sensor-${second % 10}`, value: { second } }] });
}
await producer.flush();
console.log(`${written} measurements are written`);
await producer.close();
