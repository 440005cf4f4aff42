/** One process over embedded stores in a directory, with what compaction is measured on. */
import { join } from 'node:path';
import { type Broker, createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { openSqliteMetadataStore } from '../../lib/storage/metadata/sqlite.ts';
import { openDirectoryObjectStore } from '../../lib/storage/objects/directory.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';

export const TOPIC = 'table';

export async function withBroker<T>(directory: string, work: (broker: Broker) => Promise<T>): Promise<T> {
  const metadata = openSqliteMetadataStore({ path: join(directory, 'table.db') });
  try {
    const bucket = await openDirectoryObjectStore({ root: join(directory, 'objects') });
    const inline = createInlineObjectStore({ metadata, clock: systemClock });
    const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: 0 });
    const [clock, random] = [systemClock, systemRandom];
    return await work(createBroker({ metadata, objects, compression: nodeCompression, clock, random }));
  } finally {
    await metadata.close();
  }
}
