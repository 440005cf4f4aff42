/** Merges pages of a ledger as simply as can be: what the reading of segments is tested with, whoever makes them. */

import { PartitionView } from '../../lib/broker/read/partition-view.ts';
import { readPlaced } from '../../lib/broker/read/read-placed.ts';
import { concatBytes } from '../../lib/kernel/bytes.ts';
import type { LedgerId } from '../../lib/kernel/ids.ts';
import type { LedgerHead } from '../../lib/log/ledger/head.ts';
import { pageEnd } from '../../lib/log/ledger/page.ts';
import { decodeLifecycle, lifecycleKey } from '../../lib/log/merged/lifecycle-item.ts';
import { planMerge } from '../../lib/log/merged/plans.ts';
import { SegmentBuilder } from '../../lib/log/merged/segment-builder.ts';
import type { SegmentItem } from '../../lib/log/merged/segment-item.ts';
import { batchHeaders } from '../../lib/log/record-batch/header.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import type { Process } from './broker.ts';

/**
 * Merges the pages from the first one that is not merged to `to`, of the slots 0 to `slots` − 1, each into segments of
 * about `bytesMax`.
 */
export async function mergeByHand(
  { broker }: Process,
  ledger: LedgerId,
  { to, slots = 1, bytesMax = Number.POSITIVE_INFINITY }: { to: number; slots?: number; bytesMax?: number },
): Promise<SegmentItem[]> {
  const head = (await broker.heads.strong(ledger)) as LedgerHead;
  const lifecycle = decodeLifecycle(await broker.metadata.get(lifecycleKey(ledger), 'strong'));
  const segments: SegmentItem[] = [];
  for (let slot = 0; slot < slots; slot++)
    segments.push(...(await segmentsOf(broker, { ledger, head, slot, to }, bytesMax)));
  const written = await broker.metadata.write(
    planMerge(ledger, head, lifecycle, { to, segments, nowMs: broker.clock.now() }),
  );
  if (written.outcome === 'refused') throw new Error(`The merge was refused by its write ${written.index}.`);
  return segments;
}

async function segmentsOf(
  broker: Process['broker'],
  { ledger, head, slot, to }: { ledger: LedgerId; head: LedgerHead; slot: number; to: number },
  bytesMax: number,
): Promise<SegmentItem[]> {
  const first = (await broker.pages.get(ledger, head.merged)).bases[slot] as number;
  const end = pageEnd(await broker.pages.get(ledger, to - 1), slot);
  const view = new PartitionView({ ledger, slot, partition: slot, head, ...broker });
  const segments: SegmentItem[] = [];
  let base = first;
  let builder: SegmentBuilder | undefined;
  let chunks: Uint8Array[] = [];
  const finish = async (at: number) => {
    if (builder === undefined) return;
    const { footer, segment } = builder.finish(at);
    await broker.objects.put(objectName('merged', segment.object), [concatBytes(chunks), footer]);
    segments.push(segment);
    [base, builder, chunks] = [at, undefined, []];
  };
  if (first === end) return [];
  for await (const placed of view.from(first)) {
    if (placed.among !== 'history' || placed.run.baseOffset >= end) break;
    for (const chunk of (await readPlaced(broker, placed, {})) ?? []) {
      for (const { position, sizeBytes } of batchHeaders(chunk)) {
        builder ??= builderAt(broker, { ledger, slot, base });
        const batch = chunk.slice(position, position + sizeBytes);
        builder.add(batch);
        chunks.push(batch);
        if (builder.bytes >= bytesMax) await finish(builder.end);
      }
    }
  }
  await finish(end);
  return segments;
}

function builderAt(
  { clock, random }: Process['broker'],
  { ledger, slot, base }: { ledger: LedgerId; slot: number; base: number },
) {
  return new SegmentBuilder({
    object: { birthMs: clock.now(), random: random.bytes(8) },
    topicId: ledger.topicId,
    topic: 't',
    partition: slot,
    base,
    level: 0,
    version: 1,
  });
}
