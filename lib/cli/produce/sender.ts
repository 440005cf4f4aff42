/**
 * Sends lines and counts what becomes of them. Whoever sends waits while much is unwritten, so that an endless input
 * takes no more memory than a short one. A line that the topic does not take is refused by its number and the others go
 * on; any other failure ends all, because it would meet every line.
 */
import { type ClientErrorCode, MillraceClientError } from '../../client/errors.ts';
import type { Producer } from '../../client/producer/producer.ts';
import { type DeliveryResult, SendError } from '../../client/producer/record.ts';
import { cliLimits } from '../../kernel/limits/cli.ts';
import type { LineRecord } from './parse-line.ts';

export interface ParsedLine {
  /** How it is named to the person who sent it. */
  label: string;
  record: LineRecord;
  bytes: number;
}

export interface PartitionSummary {
  partition: number;
  records: number;
  /** Absent with acks none. */
  firstOffset?: number;
  lastOffset?: number;
}

export interface SenderOptions {
  producer: Producer<Uint8Array, Uint8Array>;
  topic: string;
  onRefused: (label: string, reason: string) => void;
  onFailure: () => void;
}

/** What a record takes in memory beside its line, about. */
const RECORD_BYTES = 256;

/** The record's own fault: others may be written. */
const REFUSALS: ReadonlySet<ClientErrorCode> = new Set(['MESSAGE_TOO_LARGE', 'INVALID_TIMESTAMP', 'INVALID_RECORD']);

export class LineSender {
  written = 0;
  /** Lines that failed for the reason in `failure`, and may have been written where its effect is unknown. */
  failed = 0;
  failure: MillraceClientError | undefined;
  private readonly options: SenderOptions;
  private readonly partitions = new Map<number, PartitionSummary>();
  private unwritten = 0;
  private settled = Promise.withResolvers<void>();

  constructor(options: SenderOptions) {
    this.options = options;
  }

  /**
   * Resolves when there is room for more; what becomes of the lines is counted later. After a failure nothing is sent.
   */
  async send(lines: readonly ParsedLine[]): Promise<void> {
    if (lines.length === 0) return;
    const bytes = lines.reduce((sum, line) => sum + line.bytes + RECORD_BYTES, 0);
    const isFull = () => this.unwritten > 0 && this.unwritten + bytes > cliLimits.cliUnwrittenBytesMax;
    while (this.failure === undefined && isFull()) await this.settled.promise;
    if (this.failure !== undefined) return;
    this.unwritten += bytes;
    void this.deliver(lines).finally(() => {
      this.unwritten -= bytes;
      this.settled.resolve();
      this.settled = Promise.withResolvers();
    });
  }

  summary(): PartitionSummary[] {
    return [...this.partitions.values()].toSorted((a, b) => a.partition - b.partition);
  }

  private async deliver(lines: readonly ParsedLine[]): Promise<void> {
    const { producer, topic } = this.options;
    let results: readonly DeliveryResult[];
    try {
      results = await producer.send({ topic, records: lines.map(({ record }) => record) });
    } catch (error) {
      if (error instanceof SendError) results = error.results;
      else if (error instanceof MillraceClientError) results = lines.map(() => ({ error }));
      // Records are checked before; this is a bug, and ends the process as one.
      else throw error;
    }
    for (const [index, result] of results.entries()) {
      if ('error' in result) this.fail((lines[index] as ParsedLine).label, result.error);
      else this.count(result);
    }
  }

  private count({ partition, offset }: Exclude<DeliveryResult, { error: unknown }>): void {
    this.written++;
    const summary = this.partitions.get(partition) ?? { partition, records: 0 };
    this.partitions.set(partition, summary);
    summary.records++;
    if (offset === undefined) return;
    summary.firstOffset = Math.min(summary.firstOffset ?? offset, offset);
    summary.lastOffset = Math.max(summary.lastOffset ?? offset, offset);
  }

  private fail(label: string, error: MillraceClientError): void {
    if (REFUSALS.has(error.code)) return this.options.onRefused(label, error.message);
    this.failed++;
    if (this.failure !== undefined) return;
    this.failure = error;
    this.options.onFailure();
  }
}
