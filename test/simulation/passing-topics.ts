/**
 * Topics that come and go, under few names, two of which collide: owners create and delete them while writers and
 * readers of other processes use them. Which topic of a name a call worked with is what it was last told to be behind
 * the name.
 */
import type { Broker } from '../../lib/broker/broker.ts';
import { fetchRecords } from '../../lib/broker/fetch/fetch.ts';
import { produceRecords } from '../../lib/broker/produce/produce.ts';
import { createTopic } from '../../lib/broker/topics/create-topic.ts';
import { deleteTopic } from '../../lib/broker/topics/delete-topic.ts';
import { describeTopic } from '../../lib/broker/topics/describe-topic.ts';
import type { TopicCache } from '../../lib/broker/topics/topic-cache.ts';
import { utf8, utf8Text } from '../../lib/kernel/bytes.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import type { TopicId } from '../../lib/kernel/ids.ts';
import { type Random, randomBelow } from '../../lib/kernel/random.ts';
import type { Topic } from '../../lib/log/topic/topic.ts';
import type { FetchEvent, History, ProduceEvent, TopicEvent } from './history.ts';
import type { Scheduler, SimulatedProcess } from './scheduler.ts';

const NAMES = ['passing', 'passing.by', 'passing_by'] as const;
const PARTITIONS = 2;
const OWNER_STEPS = 10;
/** Of one reading; more than a topic ever has commits. */
const FETCHES_MAX = 100;

export class PassingTopics {
  private readonly history: History;
  private readonly scheduler: Scheduler;
  private readonly random: Random;
  private requests = 0;

  constructor(history: History, scheduler: Scheduler) {
    this.history = history;
    this.scheduler = scheduler;
    this.random = scheduler.random;
  }

  /** Creates and deletes, and looks what is there. */
  async own(broker: Broker, process: SimulatedProcess): Promise<void> {
    for (let step = 0; step < OWNER_STEPS; step++) {
      const name = this.anyName();
      const lot = this.random.fraction();
      if (lot < 0.45) await this.create(broker, process, name);
      else if (lot < 0.8) await this.remove(broker, process, name);
      else await this.look(broker, process, name);
      await this.scheduler.pause(process, this.random.fraction() * 150);
    }
  }

  /** One request of one or two records to some topic of the few. */
  async produceOnce(broker: Broker, process: SimulatedProcess): Promise<void> {
    const topic = this.anyName();
    const partition = randomBelow(this.random, PARTITIONS);
    const count = 1 + randomBelow(this.random, 2);
    const number = this.requests++;
    const values = Array.from({ length: count }, (_, index) => `${process.name}/passing ${number}/${index}`);
    const askedAt = this.history.tick();
    const event: ProduceEvent = { writer: process.name, topic, partition, values, askedAt, answer: { kind: 'none' } };
    this.history.passing.produces.push(event);
    const records = values.map((value) => ({ partition, key: null, value: utf8(value), headers: [] }));
    const watched = watch(broker);
    const failure = await failureOf(async () => {
      const [first] = await produceRecords(watched.broker, { topic, records, acks: 'all' });
      const answeredAt = this.history.tick();
      if (first?.outcome === 'written') event.answer = { kind: 'acked', baseOffset: first.offset, answeredAt };
      if (first?.outcome === 'failed') event.answer = failed(first.error, answeredAt);
    });
    if (failure !== undefined) event.answer = failed(failure, this.history.tick());
    event.topicId = watched.topicId();
  }

  /** Reads a partition of some topic of the few, from its start to its end. */
  async readOnce(broker: Broker, process: SimulatedProcess): Promise<void> {
    await this.readAll(broker, process, this.anyName(), randomBelow(this.random, PARTITIONS));
  }

  /** What is there in the end, and everything in it. */
  async audit(broker: Broker, process: SimulatedProcess): Promise<void> {
    for (const name of NAMES) {
      const { answer } = await this.look(broker, process, name);
      if (answer.kind !== 'done') continue;
      for (let partition = 0; partition < PARTITIONS; partition++) await this.readAll(broker, process, name, partition);
    }
  }

  private create(broker: Broker, process: SimulatedProcess, topic: string): Promise<TopicEvent> {
    const config = { 'ledger.partitions': 1 + randomBelow(this.random, PARTITIONS) };
    return this.act(process, 'create', topic, async () => {
      const { topicId } = await createTopic(broker, { name: topic, partitions: PARTITIONS, config });
      return topicId;
    });
  }

  private remove(broker: Broker, process: SimulatedProcess, topic: string): Promise<TopicEvent> {
    return this.act(process, 'delete', topic, async () => {
      await deleteTopic(broker, topic);
      return undefined;
    });
  }

  private look(broker: Broker, process: SimulatedProcess, topic: string): Promise<TopicEvent> {
    return this.act(process, 'look', topic, async () => (await describeTopic(broker, topic)).topicId);
  }

  private async act(
    process: SimulatedProcess,
    action: TopicEvent['action'],
    topic: string,
    work: () => Promise<TopicId | undefined>,
  ): Promise<TopicEvent> {
    const askedAt = this.history.tick();
    const answeredAt = Number.POSITIVE_INFINITY;
    const event: TopicEvent = { process: process.name, action, topic, askedAt, answeredAt, answer: { kind: 'none' } };
    this.history.passing.topics.push(event);
    try {
      const topicId = await work();
      event.answer = { kind: 'done', topicId };
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      event.answer = { kind: 'failed', code: error.code, effect: error.effect };
    }
    event.answeredAt = this.history.tick();
    return event;
  }

  private async readAll(broker: Broker, process: SimulatedProcess, topic: string, partition: number): Promise<void> {
    let offset: number | undefined = 0;
    for (let fetches = 0; offset !== undefined && fetches < FETCHES_MAX; fetches++) {
      offset = await this.fetchFrom(broker, process, { topic, partition, offset });
    }
  }

  /** Answers where to go on; `undefined` at the end and where nothing was to be read. */
  private async fetchFrom(
    broker: Broker,
    process: SimulatedProcess,
    place: { topic: string; partition: number; offset: number },
  ): Promise<number | undefined> {
    const { topic, partition, offset } = place;
    const askedAt = this.history.tick();
    const event: FetchEvent = { ...place, reader: process.name, askedAt, answer: { kind: 'none' } };
    this.history.passing.fetches.push(event);
    let next: number | undefined;
    const watched = watch(broker);
    const failure = await failureOf(async () => {
      const position = { at: 'offset' as const, offset };
      const request = { topic, partition, position, maxBytes: 50_000, maxRecords: 500, minBytes: 1, waitMs: 0 };
      const { records, nextOffset, highWatermark } = await fetchRecords(watched.broker, request);
      const values = records.map((record) => ({ offset: record.offset, value: textOf(record.value) }));
      event.answer = { kind: 'records', values, nextOffset, highWatermark };
      if (values.length > 0) next = nextOffset;
    });
    if (failure !== undefined) {
      const { code, facts } = failure;
      const isOutOfRange = code === 'OFFSET_OUT_OF_RANGE';
      event.answer = isOutOfRange
        ? { kind: 'outOfRange', highWatermark: facts.highWatermark ?? -1 }
        : { kind: 'failed', code };
    }
    event.topicId = watched.topicId();
    return next;
  }

  private anyName(): string {
    return NAMES[randomBelow(this.random, NAMES.length)] as string;
  }
}

/** The process as one call uses it, and the topic that the call was last told of. */
function watch(broker: Broker): { broker: Broker; topicId: () => TopicId | undefined } {
  let last: TopicId | undefined;
  const { topics } = broker;
  const note = (topic: Topic) => {
    last = topic.topicId;
    return topic;
  };
  const watching = Object.assign(Object.create(topics) as TopicCache, {
    get: (name: string) => topics.get(name).then(note),
    getFresh: (name: string) => topics.getFresh(name).then(note),
    getWith: (name: string, partition: number) => topics.getWith(name, partition).then(note),
  });
  return { broker: { ...broker, topics: watching }, topicId: () => last };
}

async function failureOf(work: () => Promise<void>): Promise<MillraceError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return error;
  }
}

function textOf(value: Uint8Array | null): string {
  return value === null ? 'null' : (utf8Text(value) ?? 'binary');
}

function failed({ code, effect }: MillraceError, answeredAt: number): ProduceEvent['answer'] {
  return { kind: 'failed', code, effect, answeredAt };
}
