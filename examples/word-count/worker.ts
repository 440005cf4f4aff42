/**
 * Counts words, exactly once: reads lines, and commits the words of each batch together with how far it has read. Killed
 * at any moment and started again, it goes on where its last transaction ended.
 *
 *     node examples/word-count/worker.ts <url> <lines topic> <words topic> [secret]
 */
import { createClient } from '../../lib/client/public.ts';
import { countWords } from './count-words.ts';

const [url = '', lines = '', words = '', secret] = process.argv.slice(2);
const LINES_PER_TRANSACTION = 20;
const IDLE_MS = 20;

const client = createClient({ url, apiKey: secret });
const group = `count-${lines}`;

// First take the transactional id over: what an earlier worker still has under way can then never be committed. Only what
// is read after that is true.
await client.initTransactions(group);
const { partitions } = await client.topics.describe(lines);
const positions = await committed();
process.stdout.write('ready\n');

for (;;) {
  let counted = 0;
  for (let partition = 0; partition < partitions; partition++) counted += await step(partition);
  if (counted === 0) await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
}

/** One transaction; the number of lines that it counted. */
async function step(partition: number): Promise<number> {
  const offset = positions[partition] ?? 0;
  const { records, nextOffset } = await client.fetch(lines, partition, { offset, maxRecords: LINES_PER_TRANSACTION });
  if (records.length === 0) {
    positions[partition] = nextOffset; // further on where records were lost
    return 0;
  }
  const counts = countWords(records.map(({ value }) => String(value)));
  await client.transaction(
    async (transaction) => {
      await transaction.send({ topic: words, records: [...counts].map(([key, value]) => ({ key, value })) });
      transaction.commitOffsets({ group, offsets: [{ topic: lines, partition, offset: nextOffset }] });
    },
    { transactionalId: group },
  );
  positions[partition] = nextOffset;
  return records.length;
}

/** By partition, the offset of the next line to count. */
async function committed(): Promise<number[]> {
  const byPartition: number[] = [];
  for (const { topic, partition, offset } of await client.committedOffsets(group)) {
    if (topic === lines) byPartition[partition] = offset;
  }
  return byPartition;
}
