/** What must hold of topics that come and go. */
import type { TopicId } from '../../lib/kernel/ids.ts';
import type { Checker, FetchEvent, PassingHistory, ProduceEvent, TopicEvent } from './history.ts';

export const topicCheckers: Record<string, Checker> = {
  'a deleted topic stays deleted': ({ passing }) => {
    const signs = signsOfLife(passing);
    const firstKnown = new Map<TopicId, number>();
    for (const { topicId, answeredAt } of signs) {
      firstKnown.set(topicId, Math.min(answeredAt, firstKnown.get(topicId) ?? answeredAt));
    }
    return acked(passing, 'delete').flatMap((deletion) =>
      signs
        .filter(({ topic, topicId, askedAt }) => {
          const known = firstKnown.get(topicId) as number;
          return topic === deletion.topic && known < deletion.askedAt && askedAt > deletion.answeredAt;
        })
        .map(({ what, topicId }) => `${what} at ${topicId}, which ${deletion.process} had deleted`),
    );
  },

  'there is no topic that nobody created since the deletion': ({ passing }) =>
    acked(passing, 'look').flatMap((look) => {
      const before = acked(passing, 'delete').filter(
        ({ topic, answeredAt }) => topic === look.topic && answeredAt < look.askedAt,
      );
      const deletedFrom = Math.max(-1, ...before.map(({ askedAt }) => askedAt));
      const created = passing.topics.some(
        ({ action, topic, askedAt, answeredAt, answer }) =>
          action === 'create' &&
          topic === look.topic &&
          askedAt < look.answeredAt &&
          answeredAt > deletedFrom &&
          !(answer.kind === 'failed' && answer.effect === 'none'),
      );
      return created ? [] : [`${look.process} found ${look.topic} ${look.answer.topicId}, which nobody had created`];
    }),

  'a created topic is there until its deletion': ({ passing }) =>
    acked(passing, 'create').flatMap((creation) =>
      passing.topics
        .filter(({ action, topic, askedAt }) => {
          return action === 'look' && topic === creation.topic && askedAt > creation.answeredAt;
        })
        .filter((look) => !mayBeDeleted(passing, creation, look))
        .filter(({ answer }) =>
          answer.kind === 'failed'
            ? answer.code === 'UNKNOWN_TOPIC_OR_PARTITION'
            : answer.kind === 'done' && answer.topicId !== creation.answer.topicId,
        )
        .map(({ process }) => `${process} did not find ${creation.topic} ${creation.answer.topicId}`),
    ),

  'a deleted topic leaves nothing behind': ({ passing }) => passing.leftOver.map((what) => `${what} is still there`),

  'no two topics have one id': ({ passing }) => {
    const ids = acked(passing, 'create').map(({ answer }) => answer.topicId);
    return ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id} was created twice`);
  },

  'a record is read in the topic that it was written to, where its ack said': ({ passing }) => {
    const writes = new Map(passing.produces.flatMap((event) => event.values.map((value) => [value, event] as const)));
    return readings(passing).flatMap(({ reader, topicId, topic, partition, answer }) =>
      answer.values.flatMap(({ offset, value }) => {
        const write = writes.get(value);
        const place = `${reader} read ${value} at ${topicId}-${partition} ${offset}`;
        if (write === undefined) return [`${place}, which nobody wrote`];
        if (write.topic !== topic || write.partition !== partition) return [`${place}, not where it was written`];
        if (write.answer.kind === 'failed' && write.answer.effect === 'none') return [`${place}, which had failed`];
        if (write.answer.kind !== 'acked' || write.topicId === undefined) return [];
        if (write.topicId !== topicId) return [`${place}, acked in ${write.topicId}`];
        const ackedAt = write.answer.baseOffset + write.values.indexOf(value);
        return ackedAt === offset ? [] : [`${place}, acked at ${ackedAt}`];
      }),
    );
  },

  'what is acked in a topic is readable in it at once': ({ passing }) => {
    const acks = passing.produces.filter(isAckedIn);
    return passing.fetches.flatMap(({ reader, topicId, partition, offset, askedAt, answer }) => {
      const isNothing = answer.kind === 'outOfRange' || (answer.kind === 'records' && answer.values.length === 0);
      if (topicId === undefined || !isNothing) return [];
      return acks
        .filter((ack) => ack.topicId === topicId && ack.partition === partition && ack.answer.answeredAt < askedAt)
        .filter(({ answer, values }) => answer.baseOffset + values.length > offset)
        .map(({ values }) => `${reader} was told nothing at ${topicId}-${partition} ${offset}, before ${values[0]}`);
    });
  },
};

type Done = TopicEvent & { answer: { kind: 'done' } };
type Acked = ProduceEvent & { topicId: TopicId; answer: { kind: 'acked' } };
type Reading = FetchEvent & { topicId: TopicId; answer: { kind: 'records' } };

function acked({ topics }: PassingHistory, action: TopicEvent['action']): Done[] {
  return topics.filter((event): event is Done => event.action === action && event.answer.kind === 'done');
}

function readings({ fetches }: PassingHistory): Reading[] {
  return fetches.filter((event): event is Reading => event.answer.kind === 'records' && event.topicId !== undefined);
}

function isAckedIn(event: ProduceEvent): event is Acked {
  return event.answer.kind === 'acked' && event.topicId !== undefined;
}

/** Whether a deletion may have met what was created, before the look's end; it may come late, after its own end. */
function mayBeDeleted({ topics }: PassingHistory, creation: TopicEvent, look: TopicEvent): boolean {
  return topics.some(
    ({ action, topic, askedAt, answeredAt }) =>
      action === 'delete' && topic === creation.topic && askedAt < look.answeredAt && answeredAt > creation.askedAt,
  );
}

interface Sign {
  what: string;
  topic: string;
  topicId: TopicId;
  askedAt: number;
  answeredAt: number;
}

/** Everything that shows that a topic was there at some moment between question and answer. */
function signsOfLife(passing: PassingHistory): Sign[] {
  const seen = [...acked(passing, 'create'), ...acked(passing, 'look')].map(
    ({ process, topic, askedAt, answeredAt, answer }): Sign => ({
      what: `${process} found or made ${topic}`,
      topic,
      topicId: answer.topicId as TopicId,
      askedAt,
      answeredAt,
    }),
  );
  const written = passing.produces.filter(isAckedIn).map(
    ({ writer, values, topic, topicId, askedAt, answer: { answeredAt } }): Sign => ({
      what: `${writer} was acked ${values.join(', ')} in ${topic}`,
      topic,
      topicId,
      askedAt,
      answeredAt,
    }),
  );
  return [...seen, ...written];
}
