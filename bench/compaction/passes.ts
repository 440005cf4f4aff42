/**
 * A program of its own, so that its memory is that of what it does: reads the merged segments of the topic in a
 * directory once, or compacts it until nothing is due. Its job is on stdin, what it found on stdout.
 */
import { json } from 'node:stream/consumers';
import type { Broker } from '../../lib/broker/broker.ts';
import { compactPartition } from '../../lib/broker/lifecycle/compact.ts';
import { segmentsFrom } from '../../lib/broker/lifecycle/ledger-pieces.ts';
import { compactionLimits } from '../../lib/kernel/limits/compaction.ts';
import { mergingLimits } from '../../lib/kernel/limits/merging.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import { cpuSeconds, residentBytes } from '../processes/process-figures.ts';
import { TOPIC, withBroker } from './stores.ts';

export interface PassesJob {
  directory: string;
  work: 'read' | 'compact';
  /** Of one step. */
  dirtyBytesMax: number;
}

export interface PassesResult {
  seconds: number;
  cpuSeconds: number;
  /** Bytes that were read, or that went. */
  bytes: number;
  records: number;
  steps: number;
  idleBytes: number;
  peakBytes: number;
}

async function readSegments(broker: Broker): Promise<{ bytes: number }> {
  const { topicId } = await broker.topics.get(TOPIC);
  let bytes = 0;
  for await (const segment of segmentsFrom(broker.metadata, { topicId, partition: 0 }, 0)) {
    for (let start = 0; start < segment.bytes; start += mergingLimits.segmentReadBytes) {
      const range = { start, end: Math.min(start + mergingLimits.segmentReadBytes, segment.bytes) };
      bytes += (await broker.objects.getRange(objectName('merged', segment.object), range))?.length ?? 0;
    }
  }
  return { bytes };
}

async function compact(broker: Broker, dirtyBytesMax: number) {
  const topic = await broker.topics.get(TOPIC);
  const bounds = { keyBytesMax: compactionLimits.compactionKeyBytesMax, dirtyBytesMax };
  const sums = { bytes: 0, records: 0, steps: 0 };
  for (;;) {
    const { outcome, bytes, records } = await compactPartition(broker, { topic, partition: 0, bounds });
    if (outcome === 'none') return sums;
    if (outcome !== 'compacted' && outcome !== 'advanced') throw new Error(`a step of compaction came to ${outcome}`);
    sums.bytes += bytes;
    sums.records += records;
    sums.steps++;
  }
}

const { directory, work, dirtyBytesMax } = (await json(process.stdin)) as PassesJob;
const result = await withBroker(directory, async (broker): Promise<PassesResult> => {
  const idleBytes = residentBytes(process.pid).now;
  const [begun, cpuBegun] = [performance.now(), cpuSeconds(process.pid)];
  const sums = work === 'read' ? await readSegments(broker) : await compact(broker, dirtyBytesMax);
  const seconds = (performance.now() - begun) / 1_000;
  const spent = cpuSeconds(process.pid) - cpuBegun;
  const { peak: peakBytes } = residentBytes(process.pid);
  return { records: 0, steps: 1, ...sums, seconds, cpuSeconds: spent, idleBytes, peakBytes };
});
console.log(JSON.stringify(result));
