import { type ConsumerState, createClient, json } from '../lib/client/public.ts';

const client = createClient({ url: process.env['MILLRACE_URL'] ?? 'http://127.0.0.1:8080' });
await client.topics.create('clicks');
await client.produce('clicks', [{ value: 1 }, { value: 2 }, { value: 3 }]);

/** What one invocation of a function does, with what the one before has saved. */
async function invocation(saved: string | undefined): Promise<string> {
  const consumer = client.consumer({
    group: 'counter-of-clicks',
    topics: ['clicks'],
    autoOffsetReset: 'earliest',
    valueDeserializer: json<number>(),
  });
  const state = saved === undefined ? undefined : (JSON.parse(saved) as ConsumerState);
  // Commits what the step before returned, and returns what comes next.
  const step = await consumer.poll({ state, maxRecords: 2, waitMs: 0 });
  console.log(step.records.map(({ value }) => value));
  return JSON.stringify(step.state);
}

let saved: string | undefined;
for (let time = 0; time < 3; time++) saved = await invocation(saved);
