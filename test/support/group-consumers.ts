/** Consumers of a group over brokers in memory, with a clock that the test moves. */

import { listCommittedOffsets } from '../../lib/broker/groups/list-committed-offsets.ts';
import { type PollRequest, type PollResult, poll } from '../../lib/broker/groups/poll.ts';
import { produceBatches } from '../../lib/broker/produce/produce-batches.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { utf8Text } from '../../lib/kernel/bytes.ts';
import { requestLimits } from '../../lib/kernel/limits/requests.ts';
import { batchOf, makeBroker, makeStores, type Process, type Stores } from './broker.ts';

export const GROUP = 'g';

export interface GroupWorld {
  stores: Stores;
  /** Two of them; a consumer may poll any. */
  processes: [Process, Process];
}

export async function groupWorld({ partitions = 4 }: { partitions?: number } = {}): Promise<GroupWorld> {
  const stores = makeStores();
  const processes: [Process, Process] = [makeBroker({ stores }), makeBroker({ stores })];
  await createTopic(processes[0].broker, { name: 't', partitions });
  return { stores, processes };
}

export function produce({ broker }: Process, partition: number, ...values: string[]) {
  return produceBatches(broker, { topic: 't', partition, batches: batchOf(...values), acks: 'all' });
}

export async function committed({ broker }: Process): Promise<Record<number, number>> {
  const { offsets } = await listCommittedOffsets(broker, { group: GROUP });
  return Object.fromEntries(offsets.map(({ partition, offset }) => [partition, offset]));
}

type Options = Partial<Omit<PollRequest, 'group' | 'memberId'>>;

/** A consumer's loop, one turn at a time. */
export class GroupConsumer {
  member: string | undefined;
  cursor: string | undefined;
  last: PollResult | undefined;
  readonly values: string[] = [];
  private readonly options: Options;

  constructor(options: Options = {}) {
    this.options = options;
  }

  /** The answer arrives. */
  async poll(process: Process, options: Options = {}): Promise<PollResult> {
    const result = await this.ask(process, options);
    this.take(result);
    return result;
  }

  /** Without taking the answer. */
  ask({ broker }: Process, options: Options = {}): Promise<PollResult> {
    const given = { ...this.options, ...options };
    return poll(broker, {
      group: GROUP,
      ...(this.member !== undefined && { memberId: this.member }),
      ...(this.cursor !== undefined && { cursor: this.cursor }),
      commit: 'delivered',
      reset: 'earliest',
      maxRecords: requestLimits.fetchRecordsDefault,
      maxBytes: requestLimits.fetchBytesDefault,
      waitMs: 0,
      authorize: () => {},
      ...given,
      wishes: { names: ['t'], ...given.wishes },
    });
  }

  take(result: PollResult): void {
    this.last = result;
    this.member = result.memberId;
    this.cursor = result.cursor(result.partitions.map(({ nextOffset }) => nextOffset));
    this.values.push(...valuesOf(result));
  }

  get partitions(): number[] {
    return (this.last?.assignment ?? []).flatMap(({ partitions }) => partitions);
  }
}

export function valuesOf({ partitions }: PollResult): string[] {
  return partitions.flatMap(({ records }) => records.map(({ value }) => utf8Text(value ?? new Uint8Array()) ?? ''));
}
