/** A partition of random shape, and what a reader must find in it, batch by batch. */
import * as fc from 'fast-check';
import { runOf } from '../../lib/broker/append/accept-batches.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import { concatBytes } from '../../lib/kernel/bytes.ts';
import type { LedgerId } from '../../lib/kernel/ids.ts';
import { produceLimits } from '../../lib/kernel/limits/produce.ts';
import type { CompressionType } from '../../lib/log/record-batch/compression.ts';
import { encodeBatch } from '../../lib/log/record-batch/encode.ts';
import { makeStores, makeTopic, type Process, record, type Stores } from './broker.ts';

export interface BatchShape {
  timestamps: number[];
  valueBytes: number;
  compressionType: CompressionType;
}

export type Action =
  /** A request of one or more batches, as one chunk or one chunk a batch. */
  | { action: 'append'; batches: BatchShape[]; joined: boolean }
  /** A commit to another partition of the ledger. */
  | { action: 'elsewhere' }
  | { action: 'seal' };

export interface ExpectedBatch {
  baseOffset: number;
  bytes: number;
  timestamps: number[];
}

export interface RandomPartition {
  stores: Stores;
  process: Process;
  ledger: LedgerId;
  batches: ExpectedBatch[];
  /** One past the last record. */
  end: number;
}

const timestamp = fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 60 }), fc.constant(-1));

const batch: fc.Arbitrary<BatchShape> = fc.record({
  timestamps: fc.array(timestamp, { minLength: 1, maxLength: 4 }),
  valueBytes: fc.oneof(fc.nat({ max: 20 }), fc.nat({ max: 400 })),
  compressionType: fc.constantFrom('none', 'none', 'gzip', 'lz4'),
});

export const actions: fc.Arbitrary<Action[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        action: fc.constant('append' as const),
        batches: fc.array(batch, { minLength: 1, maxLength: 3 }),
        joined: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ action: 'elsewhere' as const }) },
    { weight: 2, arbitrary: fc.constant({ action: 'seal' as const }) },
  ),
  { minLength: 1, maxLength: 25, size: 'max' },
);

/** Slot 0 of the ledger is the partition; nothing is sealed but by the actions. */
export async function buildPartition(list: readonly Action[], inlineBytesMax = 0): Promise<RandomPartition> {
  const stores = makeStores({ inlineBytesMax });
  const { ledger, ...process } = await makeTopic({ stores, partitions: 2 });
  const batches: ExpectedBatch[] = [];
  let end = 0;
  const deadlineMs = process.clock.monotonic() + produceLimits.produceDeadlineMs;
  const append = (slot: number, chunks: Uint8Array[]) =>
    process.broker.appender.append({ ledger, slot, run: runOf(chunks), deadlineMs });
  for (const action of list) {
    if (action.action === 'seal') {
      await process.broker.sealer.seal(ledger);
    } else if (action.action === 'elsewhere') {
      await append(1, [encodeBatch([record('elsewhere', { timestamp: 1_000 })])]);
    } else {
      const encoded = action.batches.map(encodeShape);
      for (const [index, bytes] of encoded.entries()) {
        const { timestamps } = action.batches[index] as BatchShape;
        batches.push({ baseOffset: end, bytes: bytes.length, timestamps });
        end += timestamps.length;
      }
      await append(0, action.joined ? [concatBytes(encoded)] : encoded);
    }
  }
  return { stores, process, ledger, batches, end };
}

function encodeShape({ timestamps, valueBytes, compressionType }: BatchShape): Uint8Array {
  const values = timestamps.map((at) => record('v'.repeat(valueBytes), { timestamp: at }));
  return encodeBatch(values, { compressionType, compression: nodeCompression });
}
