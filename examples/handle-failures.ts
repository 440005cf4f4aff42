import { createClient, MillraceClientError, SendError } from '../lib/client/public.ts';

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('notes', { config: { 'max.message.bytes': 10_000 } });

await using producer = client.producer({ deliveryTimeoutMs: 30_000 });
try {
  await producer.send({ topic: 'notes', records: [{ value: 'short' }, { value: 'long'.repeat(5_000) }] });
} catch (error) {
  if (!(error instanceof SendError)) throw error;
  for (const [index, result] of error.results.entries()) {
    console.log(`note ${index}:`, 'error' in result ? result.error.code : `offset ${result.offset}`);
  }
}
try {
  await producer.send({ topic: 'no-such-topic', records: [{ value: 'lost' }] });
} catch (error) {
  if (!(error instanceof MillraceClientError)) throw error;
  // `none` is a promise that it was not written; `unknown` that it may have been.
  console.log(error.code, error.effect);
}
