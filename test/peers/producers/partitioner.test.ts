/** The partitioners of two other clients, by property: every key goes to the partition that they choose. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { partitionForKey } from '../../../lib/coordination/producers/partitioner.ts';
import { murmur2 } from '../../../lib/kernel/murmur2.ts';
import { describeWithPeer } from '../support/peer.ts';

const kafkajs = new URL('../node_modules/kafkajs/index.js', import.meta.url);
const platformatic = new URL('../node_modules/@platformatic/kafka/dist/protocol/murmur2.js', import.meta.url);
const require = createRequire(import.meta.url);

function missing(peer: URL): string | undefined {
  return existsSync(peer) ? undefined : `${peer.pathname} is not installed (npm run peers)`;
}

const key = fc.uint8Array({ maxLength: 100 });

describeWithPeer(missing(kafkajs))('kafkajs', () => {
  type Partitioner = (message: {
    topic: string;
    partitionMetadata: { partitionId: number; leader: number }[];
    message: { key: Buffer };
  }) => number;

  it('chooses the same partition for every key', () => {
    const { Partitioners } = require(kafkajs.pathname) as { Partitioners: { DefaultPartitioner: () => Partitioner } };
    const choose = Partitioners.DefaultPartitioner();
    fc.assert(
      fc.property(key, fc.integer({ min: 1, max: 100 }), (bytes, partitions) => {
        const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({ partitionId, leader: 1 }));
        const message = { key: Buffer.from(bytes) };
        expect(partitionForKey(bytes, partitions)).toBe(choose({ topic: 't', partitionMetadata, message }));
      }),
      { numRuns: 2_000 },
    );
  });
});

describeWithPeer(missing(platformatic))('@platformatic/kafka', () => {
  it('has the same hash for every key', async () => {
    const peer = (await import(platformatic.href)) as { murmur2: (data: Buffer) => number };
    fc.assert(
      fc.property(key, (bytes) => {
        expect(murmur2(bytes)).toBe(peer.murmur2(Buffer.from(bytes)));
      }),
      { numRuns: 2_000 },
    );
  });
});
