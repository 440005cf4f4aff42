/** What an operation costs, as the average of many. */
import type { Broker } from '../../lib/broker/broker.ts';
import { addCounts, type Counts, NO_COUNTS, scaleCounts } from '../dollars.ts';
import type { AwsWorld } from './aws-world.ts';

export interface Operation {
  name: string;
  /** Of the records in the request or the answer, without their framing. */
  payloadBytes: number;
  /** Of one, on average. */
  counts: Counts;
}

/** The average of so many, done one after the other; what each leaves to be done is done before the next. */
export async function average(
  world: AwsWorld,
  process: Broker,
  times: number,
  work: (index: number) => Promise<unknown>,
): Promise<Counts> {
  let total = NO_COUNTS;
  for (let index = 0; index < times; index++) {
    total = addCounts(total, await world.count([process], () => work(index)));
  }
  return scaleCounts(total, 1 / times);
}
