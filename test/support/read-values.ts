import { expect } from 'vitest';
import type { MillraceClient } from '../../lib/client/public.ts';

/** All values of a partition, each at its offset: there are no gaps from 0 to the end. */
export async function readValues(client: MillraceClient, topic: string, partition: number): Promise<string[]> {
  const values: string[] = [];
  const { offset: end } = await client.offsets(topic, partition, { timestamp: 'latest' });
  for (let offset = 0; offset < (end ?? 0); ) {
    const { records, nextOffset } = await client.fetch(topic, partition, { offset, maxRecords: 10_000 });
    for (const record of records) {
      expect(record.offset).toBe(values.length);
      values.push(String(record.value));
    }
    expect(nextOffset).toBeGreaterThan(offset);
    offset = nextOffset;
  }
  return values;
}
