/**
 * The records of a partition that lie ahead of its lanes: read in order, filtered, and put into the lane of their key.
 */
import type { Broker } from '../broker/broker.ts';
import { fetchRecords } from '../broker/fetch/fetch.ts';
import type { QueuedRecord } from '../coordination/triggers/batch.ts';
import { type Lane, laneOf } from '../coordination/triggers/lanes.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import type { PartitionWork, TriggerRecord } from './ports.ts';

export interface FeedRecord extends QueuedRecord {
  record: TriggerRecord;
  /** When it was read, by the wall clock. */
  readMs: number;
}

export interface FeedParts {
  broker: Broker;
  work: PartitionWork;
  /** Records below a lane's `next` are done. */
  lanes: readonly Lane[];
  passes: (record: TriggerRecord) => boolean;
  eventBytes: (record: TriggerRecord) => number;
  /** What may be read ahead now. */
  bytesMax: () => number;
}

/** What a record takes in memory beside its bytes. */
const RECORD_COST_BYTES = 300;

export class PartitionFeed {
  /** All below has been read. */
  position: number;
  /** The partition's end, as of the last read. */
  end: number;
  /** A strong read has shown that nothing is there above the position. */
  isAtEnd = false;
  readonly queues: FeedRecord[][];
  private bytes = 0;
  private hasGrown = false;
  private readonly parts: FeedParts;
  private readonly doneBelow: readonly number[];

  constructor(parts: FeedParts) {
    this.parts = parts;
    this.doneBelow = parts.lanes.map(({ next }) => next);
    this.position = Math.min(...this.doneBelow);
    this.end = this.position;
    this.queues = parts.lanes.map(() => []);
  }

  /** Nothing more is read before some of it has been delivered. */
  get isFull(): boolean {
    return this.bytes >= this.parts.bytesMax();
  }

  /** There may be more than the last read has seen, or one that is under way. */
  grown(): void {
    this.isAtEnd = false;
    this.hasGrown = true;
  }

  /** Reads on; returns how many records the filters left out. */
  async read(): Promise<{ filtered: number }> {
    const { broker, work, passes } = this.parts;
    const { topic, partition } = work;
    this.hasGrown = false;
    const known = await broker.topics.getWith(topic, partition);
    const fetched = await fetchRecords(broker, {
      topic,
      partition,
      position: { at: 'offset', offset: this.position },
      maxBytes: Math.min(requestLimits.fetchBytesMax, this.parts.bytesMax()),
      maxRecords: requestLimits.fetchRecordsMax,
      minBytes: 1,
      waitMs: 0,
    });
    const timestampType =
      known.config['message.timestamp.type'] === 'LogAppendTime' ? 'LOG_APPEND_TIME' : 'CREATE_TIME';
    const readMs = broker.clock.now();
    let filtered = 0;
    for (const read of fetched.records) {
      const lane = laneOf(read, this.queues.length);
      if (read.offset < (this.doneBelow[lane] as number)) continue;
      const record: TriggerRecord = { ...read, topic, partition, timestampType };
      if (passes(record)) this.put(lane, record, readMs);
      else filtered++;
    }
    this.isAtEnd = fetched.nextOffset === this.position && !this.hasGrown;
    this.position = fetched.nextOffset;
    this.end = fetched.highWatermark;
    return { filtered };
  }

  /** The lane's records below are done. */
  dropBelow(lane: number, next: number): void {
    const queue = this.queues[lane] as FeedRecord[];
    const kept = queue.findIndex(({ offset }) => offset >= next);
    for (const { record } of queue.splice(0, kept < 0 ? queue.length : kept)) this.bytes -= costOf(record);
  }

  private put(lane: number, record: TriggerRecord, readMs: number): void {
    const { offset, timestamp } = record;
    const eventBytes = this.parts.eventBytes(record);
    (this.queues[lane] as FeedRecord[]).push({ offset, timestamp, eventBytes, record, readMs });
    this.bytes += costOf(record);
  }
}

function costOf({ key, value, headers }: TriggerRecord): number {
  let bytes = RECORD_COST_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) bytes += header.key.length + (header.value?.length ?? 0);
  return bytes;
}
