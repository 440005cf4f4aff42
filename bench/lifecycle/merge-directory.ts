/**
 * Merges all that a local server's directory has of a topic's first ledger. No server may be running there meanwhile.
 */
import { createBroker } from '../../lib/broker/broker.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { mergePages } from '../../lib/broker/lifecycle/merge-pages.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { mergingLimits } from '../../lib/kernel/limits/merging.ts';
import { storageLimits } from '../../lib/kernel/limits/storage.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { openDataDirectory } from '../../lib/local/data-directory.ts';
import { openDirectoryObjectStore } from '../../lib/storage/objects/directory.ts';
import { createInlineObjectStore } from '../../lib/storage/objects/inline.ts';
import { createTieredObjectStore } from '../../lib/storage/objects/tiered.ts';

const DUE = { bytesMin: 0, pagesMin: 1, ageMsMin: 0, stepBytesMax: mergingLimits.mergeStepBytesMax };

/** Answers how many segments it made. */
export async function mergeDirectory(path: string, name: string): Promise<number> {
  const shared = { clock: systemClock, random: systemRandom };
  const { metadata, objectsRoot } = await openDataDirectory({ path, fsync: false, ...shared });
  try {
    const bucket = await openDirectoryObjectStore({ root: objectsRoot });
    const inline = createInlineObjectStore({ metadata, ...shared });
    const objects = createTieredObjectStore({ inline, bucket, inlineBytesMax: storageLimits.inlineBytesMaxDefault });
    const broker = createBroker({ metadata, objects, compression: nodeCompression, ...shared });
    const topic = await broker.topics.get(name);
    const ledger = { topicId: topic.topicId, index: 0 };
    await broker.heads.strong(ledger);
    await broker.sealer.seal(ledger);
    for (let made = 0; ; ) {
      const { outcome, segments } = await mergePages(broker, { topic, ledger, policy: DUE });
      if (outcome === 'none') return made;
      if (outcome !== 'merged') throw new Error(`merging came to ${outcome}`);
      made += segments;
    }
  } finally {
    await metadata.close();
  }
}
