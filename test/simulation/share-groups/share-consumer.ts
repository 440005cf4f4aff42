/**
 * A member of a share group: it fetches, does something with what it gets or forgets it, and says so with its next call
 * or by itself.
 */

import { nodeCompression } from '../../../lib/broker/compression.ts';
import { shareFetch } from '../../../lib/broker/share-groups/share-fetch.ts';
import type { ShareVisited } from '../../../lib/broker/share-groups/visit-share-partition.ts';
import type { AcknowledgementBatch, AcknowledgeType } from '../../../lib/coordination/share-groups/acknowledge.ts';
import type { TopicId } from '../../../lib/kernel/ids.ts';
import { records } from '../../../lib/log/record-batch/decode.ts';
import type { Asked, GroupServers } from '../groups/group-servers.ts';
import type { Scheduler, SimulatedProcess } from '../scheduler.ts';

export const GROUP = 'shared';
export const TOPIC = 't';
const ANSWER_MS_MAX = 4_000;

export interface ConsumerSite {
  scheduler: Scheduler;
  servers: GroupServers;
  topicId: TopicId;
  count: (what: string) => void;
  /** Told of each record that it got. */
  got: (memberId: string, record: { offset: number; deliveries: number; value: string | undefined }) => void;
  /** Told what it is about to say, and what it was told was taken of it. */
  says: (said: ReadonlyMap<number, AcknowledgeType>) => void;
  taken: (memberId: string, said: ReadonlyMap<number, AcknowledgeType>) => void;
  isCalm: () => boolean;
}

export class SimulatedShareConsumer {
  readonly process: SimulatedProcess;
  private readonly memberId: string;
  private readonly site: ConsumerSite;
  /** What it has done with records, and is still to say. */
  private said = new Map<number, AcknowledgeType>();
  /** What it does with records for longer. */
  private kept = new Set<number>();

  constructor(site: ConsumerSite, process: SimulatedProcess) {
    this.site = site;
    this.process = process;
    this.memberId = process.name;
  }

  async run(): Promise<void> {
    const { scheduler } = this.site;
    const { random } = scheduler;
    for (;;) {
      if (random.fraction() < 0.4) await this.acknowledge();
      await this.fetch();
      await scheduler.pause(this.process, random.fraction() * 1_500);
    }
  }

  private async fetch(): Promise<void> {
    const { said } = this;
    this.said = new Map();
    const { random } = this.site.scheduler;
    const wants = { maxRecords: 1 + Math.floor(random.fraction() * 8), strict: random.fraction() < 0.3 };
    const visited = await this.ask(said, { ...wants, waitMs: random.fraction() * 800 });
    if (visited === undefined) return;
    this.heard(said, visited);
    const values = valuesOf(visited.batches);
    for (const { firstOffset, lastOffset, deliveries } of visited.acquired) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        this.site.got(this.memberId, { offset, deliveries, value: values.get(offset) });
        this.treat(offset);
      }
    }
  }

  /** What becomes of a record: mostly it is accepted, and in peace always. */
  private treat(offset: number): void {
    const { isCalm, scheduler } = this.site;
    const fate = isCalm() ? 0 : scheduler.random.fraction();
    if (fate < 0.6) this.said.set(offset, 'accept');
    else if (fate < 0.75) this.said.set(offset, 'release');
    else if (fate < 0.78) this.said.set(offset, 'reject');
    else if (fate < 0.88) this.kept.add(offset);
  }

  private async acknowledge(): Promise<void> {
    const { said, kept } = this;
    this.said = new Map();
    for (const offset of kept) {
      const fate = this.site.scheduler.random.fraction();
      if (fate < 0.4) kept.delete(offset);
      said.set(offset, fate < 0.4 ? 'accept' : 'renew');
    }
    if (said.size === 0) return;
    const visited = await this.ask(said, undefined);
    if (visited !== undefined) this.heard(said, visited);
  }

  private heard(said: ReadonlyMap<number, AcknowledgeType>, { refused }: ShareVisited): void {
    if (said.size === 0) return;
    this.site.count(refused === undefined ? 'taken' : `refused ${refused.code}`);
    if (refused === undefined) this.site.taken(this.memberId, said);
    else for (const offset of said.keys()) this.kept.delete(offset);
  }

  private async ask(
    said: ReadonlyMap<number, AcknowledgeType>,
    wants: { maxRecords: number; strict: boolean; waitMs: number } | undefined,
  ): Promise<ShareVisited | undefined> {
    const { servers, topicId, count } = this.site;
    const acknowledgements = batchesOf(said);
    this.site.says(said);
    const partition = {
      topic: TOPIC,
      topicId,
      partition: 0,
      withoutRecords: wants === undefined,
      ...(acknowledgements.length > 0 && { acknowledgements }),
    };
    const limits = {
      maxBytes: 1_000_000,
      minBytes: 1,
      batchSize: 100,
      ...(wants ?? { maxRecords: 0, strict: false, waitMs: 0 }),
    };
    const asked: Asked<ShareVisited[]> = await servers.ask(this.process, ANSWER_MS_MAX, (broker) =>
      shareFetch(broker, { group: GROUP, memberId: this.memberId, partitions: [partition], ...limits }),
    );
    if (asked.kind !== 'answer') count(asked.kind === 'error' ? `told ${asked.error.code}` : 'heard nothing');
    return asked.kind === 'answer' ? asked.answer[0] : undefined;
  }
}

function batchesOf(said: ReadonlyMap<number, AcknowledgeType>): AcknowledgementBatch[] {
  const sorted = [...said].toSorted(([a], [b]) => a - b);
  return sorted.map(([offset, type]) => ({ firstOffset: offset, lastOffset: offset, types: [type] }));
}

function valuesOf(batches: readonly Uint8Array[]): Map<number, string> {
  const found = batches.flatMap((chunk) => Array.from(records(chunk, nodeCompression)));
  return new Map(found.map(({ offset, value }) => [offset, Buffer.from(value ?? []).toString()]));
}
