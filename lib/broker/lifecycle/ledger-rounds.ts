/**
 * Rounds through the ledgers of all topics, for whatever is to be looked after in each. However little time a round
 * has, every ledger has its turn: where one is told to stop, the next one begins.
 *
 * May overlap with itself and be interrupted anywhere. The item that a round is noted in has in `from` the topic, and
 * in `ledger` the number of its ledger, with which the next one begins; there is none where the last one came to the
 * end.
 */
import { MillraceError } from '../../kernel/errors.ts';
import type { LedgerId } from '../../kernel/ids.ts';
import type { ItemKey } from '../../kernel/items.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Topic } from '../../log/topic/topic.ts';
import { TOPIC_DIRECTORY } from '../../log/topic/topic-item.ts';
import { ledgersOf } from '../../log/topic/topic-writes.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';

export interface LedgerTurn {
  topic: Topic;
  ledger: LedgerId;
}

export interface LedgerRound {
  /** Where it is noted how far the round has come. */
  progress: ItemKey;
  /** Whether there may be something to do; by default of all topics. */
  isOfInterest?: (topic: Topic) => boolean;
  /** Ledgers that have their turn at the same time. */
  inFlightMax: number;
  /**
   * `postponed`: it has not had its turn, and is to be the first of the next round. Must not fail for one ledger's
   * sake.
   */
  look: (turn: LedgerTurn) => Promise<'done' | 'postponed'>;
  /** Ends it before the next ledgers. */
  signal?: AbortSignal;
}

interface Place {
  from: string;
  ledger: number;
}

/** Whether it came to the end. */
export async function goRound(broker: Broker, round: LedgerRound): Promise<boolean> {
  const { metadata } = broker;
  const begun = placeIn(await metadata.get(round.progress, 'strong'));
  const stoppedAt = await goFrom(broker, begun ?? { from: '', ledger: 0 }, round);
  if (stoppedAt !== undefined) {
    await metadata.write([{ kind: 'put', key: round.progress, attributes: { ...stoppedAt } }]);
  } else if (begun !== undefined) await metadata.write([{ kind: 'delete', key: round.progress }]);
  return stoppedAt === undefined;
}

function placeIn(item: QueryPage['items'][number]['attributes'] | undefined): Place | undefined {
  const { from, ledger } = item ?? {};
  return typeof from === 'string' && typeof ledger === 'number' ? { from, ledger } : undefined;
}

/** Before what it was stopped; `undefined` where it came to the end. */
async function goFrom(broker: Broker, begun: Place, round: LedgerRound): Promise<Place | undefined> {
  const { inFlightMax, look, signal } = round;
  const lookAt = async (turns: readonly LedgerTurn[]): Promise<Place | undefined> => {
    const looked = signal?.aborted === true ? [] : await mapBounded(turns, inFlightMax, look);
    const postponed = turns.find((_, index) => looked[index] !== 'done');
    return postponed && { from: postponed.topic.name, ledger: postponed.ledger.index };
  };
  let waiting: LedgerTurn[] = [];
  for await (const turn of turnsFrom(broker, begun, round)) {
    waiting.push(turn);
    if (waiting.length < inFlightMax) continue;
    const stoppedAt = await lookAt(waiting);
    if (stoppedAt !== undefined) return stoppedAt;
    waiting = [];
  }
  return lookAt(waiting);
}

/** In the order of the topics' names. */
async function* turnsFrom(
  broker: Broker,
  begun: Place,
  { isOfInterest = () => true }: LedgerRound,
): AsyncGenerator<LedgerTurn> {
  let from: string | undefined = begun.from;
  while (from !== undefined) {
    const page: QueryPage = await broker.metadata.query({
      pk: TOPIC_DIRECTORY,
      ...(from !== '' && { from }),
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    for (const { key } of page.items) {
      const topic = await readyTopic(broker, key.sk);
      if (topic === undefined || !isOfInterest(topic)) continue;
      const first = topic.name === begun.from ? begun.ledger : 0;
      for (const ledger of ledgersOf(topic, first)) yield { topic, ledger };
    }
    from = page.next;
  }
}

/** As it is now: what a config kept a moment ago must not go by what it was before. */
async function readyTopic(broker: Broker, name: string): Promise<Topic | undefined> {
  try {
    return await broker.topics.getFresh(name);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}
