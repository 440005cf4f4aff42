/** What must hold of a group in every history. Each checker returns the sentences that say how it does not. */
import { countPartitions, intersection, minus, NO_PARTITIONS } from '../../../lib/coordination/groups/partitions.ts';
import type { Target } from '../../../lib/coordination/groups/target-item.ts';
import type { Violation } from '../checkers.ts';
import type { AppliedCommit, GroupHistory, PartitionName } from './group-history.ts';

export function checkGroup(history: GroupHistory): Violation[] {
  return Object.entries(groupCheckers).flatMap(([checker, run]) => run(history).map((what) => ({ checker, what })));
}

const groupCheckers: Record<string, (history: GroupHistory) => string[]> = {
  'a partition has one owner at a time': (history) => history.overlaps,

  'what fences a member that lost its seat fences it for ever': (history) => history.returns,

  'a commit is of whoever owns the partition': (history) => {
    const askers = new Map(history.asks.map(({ token, member }) => [token, member]));
    return history.commits.flatMap((commit) => {
      const by = committerOf(commit, askers);
      if (by !== undefined && commit.owners.some(({ member }) => member === by)) return [];
      const owner = commit.owners.map(({ member }) => member).join(' and ') || 'nobody';
      return [`${by ?? 'nobody'} committed ${commit.partition} ${commit.offset}, which was ${owner}'s`];
    });
  },

  'an owner commits nothing below what was committed when it came': (history) =>
    history.commits.flatMap(({ partition, offset, owners, moment }) =>
      owners.flatMap(({ member, committed }) =>
        offset < committed ? [`${member} committed ${partition} ${offset} after ${committed}, at ${moment}`] : [],
      ),
    ),

  'what a cursor commits is not taken back by one that was sent before it': (history) => {
    const sendings = Map.groupBy(history.cursors, ({ member }) => member);
    const newest = new Map<PartitionName, AppliedCommit>();
    return history.commits.flatMap((commit) => {
      const before = newest.get(commit.partition);
      newest.set(commit.partition, commit);
      const { partition, offset, member, metadata, moment } = commit;
      // A commit of its own has a token, and counts when it is applied.
      if (before === undefined || metadata !== undefined || before.metadata !== undefined) return [];
      if (before.member !== member || offset >= before.offset) return [];
      const sent = (sendings.get(String(member)) ?? []).filter((one) => one.moment < moment);
      const last = sent.findLast(({ positions }) => positions.get(partition) === offset);
      const first = sent.find(({ positions }) => positions.get(partition) === before.offset);
      return last === undefined || first === undefined || last.moment > first.moment
        ? []
        : [`${member} committed ${partition} ${offset} after ${before.offset}, which it said later, at ${moment}`];
    });
  },

  'records are delivered by their owner': (history) => {
    const tenures = Map.groupBy(history.tenures, ({ partition, member }) => `${partition} ${member}`);
    return history.deliveries.flatMap(({ partition, member, servedFrom, servedTo, client }) => {
      const own = tenures.get(`${partition} ${member}`) ?? [];
      const had = own.some(({ from, until }) => from <= servedTo && until >= servedFrom);
      return had ? [] : [`${client} got records of ${partition} at ${servedTo}, which was not ${member}'s`];
    });
  },

  'nothing is committed that was not received': (history) => {
    const received = receivedUpTo(history);
    return history.commits.flatMap(({ partition, offset, moment }) => {
      const whole = received.get(partition)?.(offset) ?? (offset === 0 ? 0 : Number.POSITIVE_INFINITY);
      return whole < moment || offset === 0
        ? []
        : [`${partition} was committed up to ${offset} at ${moment}, before all of it was received`];
    });
  },

  'in the end every record was received, committed, and has an owner': (history) => {
    const received = receivedUpTo(history);
    return history.finals.flatMap(({ topic, partition, end, committed, owners }) => {
      const whole = end === 0 ? 0 : (received.get(partition)?.(end) ?? Number.POSITIVE_INFINITY);
      return [
        ...(owners.length === 1 ? [] : [`${topic} ${partition} has ${owners.length} owners`]),
        ...(whole === Number.POSITIVE_INFINITY ? [`${topic} ${partition} was not received up to ${end}`] : []),
        ...(committed === end ? [] : [`${topic} ${partition} is committed up to ${committed} of ${end}`]),
      ];
    });
  },

  'each record that was read is written once in a transaction': (history) => {
    if (history.outputs === undefined) return [];
    const times = new Map<string, number>();
    for (const value of history.outputs) times.set(value, (times.get(value) ?? 0) + 1);
    const twice = [...times].flatMap(([value, count]) => (count > 1 ? [`${value} is there ${count} times`] : []));
    const missing = history.finals.flatMap(({ values }) => values.filter((value) => !times.has(value)));
    return [...twice, ...missing.map((value) => `${value} is missing`)];
  },

  'a commit without effect is never seen, and one that is answered is': (history) => {
    const seen = new Set(history.commits.map(({ metadata }) => metadata));
    return history.asks.flatMap(({ token, answer }) =>
      answer.kind === 'failed' && answer.effect === 'none' && seen.has(token)
        ? [`${token} was refused (${answer.code}), and is there`]
        : [],
    );
  },

  'a member is told to give up only what it is not to have': (history) =>
    history.answers.flatMap(({ member, seat, servedFromMs, servedToMs, revoked }) =>
      revoked.flatMap(({ topic, partition }) => {
        const ids = [...history.topicNames].flatMap(([id, name]) => (name === topic ? [id] : []));
        const targets = targetsBetween(history, servedFromMs - REMEMBERED_MS, servedToMs);
        const isGiven = (target: Target) =>
          ids.some((id) =>
            target.members.some((one) => one.seat === seat && one.assigned.get(id)?.includes(partition)),
          );
        return targets.every(isGiven)
          ? [`${member} was told to give up ${topic} ${partition}, which every target gave it`]
          : [];
      }),
    ),

  'one that comes or goes moves as little as can be': (history) =>
    history.targets.flatMap(({ target, moment }, index) => {
      const before = history.targets[index - 1]?.target;
      return before === undefined || !history.equalSubscriptions
        ? []
        : excessOf(before, target).map((what) => `${what}, at ${moment}`);
    }),

  'nobody is removed who has shown a sign of life since': (history) => {
    // A join that fails takes away the member that it made, and was answered to nobody; an earlier one of its name was
    // another.
    const answers = Map.groupBy(history.answers, ({ member }) => member);
    return history.removals.flatMap(({ member, since, moment, untouched, suspected, overdue }) => {
      const known = answers.get(member)?.some((answer) => answer.moment > since && answer.moment < moment) === true;
      return suspected || overdue || untouched || history.left.has(member) || !known
        ? []
        : [`${member} was removed at ${moment}, and was no suspect then`];
    });
  },
};

/** For how long a process may go by a state of the group that it remembers. */
const REMEMBERED_MS = 1_500;

function committerOf({ metadata, member }: AppliedCommit, askers: ReadonlyMap<string, string>): string | undefined {
  return (metadata === undefined ? undefined : askers.get(metadata)) ?? member;
}

/** Of each partition, by offset: the first moment at which all before it had been received by somebody. */
function receivedUpTo(history: GroupHistory): Map<PartitionName, (offset: number) => number> {
  const first = new Map<PartitionName, number[]>();
  for (const { partition, records, receivedAt } of history.deliveries) {
    const moments = first.get(partition) ?? [];
    first.set(partition, moments);
    for (const { offset } of records) moments[offset] = Math.min(moments[offset] ?? receivedAt, receivedAt);
  }
  return new Map(
    [...first].map(([partition, moments]) => [
      partition,
      (offset) => {
        let last = 0;
        for (let at = 0; at < offset; at++) last = Math.max(last, moments[at] ?? Number.POSITIVE_INFINITY);
        return last;
      },
    ]),
  );
}

/** Those that were the newest at some moment of that time. */
function targetsBetween({ targets }: GroupHistory, fromMs: number, toMs: number): Target[] {
  return targets.flatMap(({ target, atMs }, index) => {
    const untilMs = targets[index + 1]?.atMs ?? Number.POSITIVE_INFINITY;
    return atMs <= toMs && untilMs >= fromMs ? [target] : [];
  });
}

/** Where exactly one member came or went in a balanced group whose members all want the same. */
function excessOf(before: Target, after: Target): string[] {
  if (!isComparable(before, after)) return [];
  const seats = (target: Target) => new Set(target.members.map(({ seat }) => seat));
  const [old, now] = [seats(before), seats(after)];
  const came = [...now].filter((seat) => !old.has(seat));
  const went = [...old].filter((seat) => !now.has(seat));
  if (came.length + went.length !== 1) return [];
  const total = before.members.reduce((sum, { assigned }) => sum + countPartitions(assigned), 0);
  // Who stays gives up nothing for one who goes, and for one who comes just the least share of all.
  const least = came.length === 1 ? Math.floor(total / after.members.length) : 0;
  const moved = before.members.reduce((sum, { seat, assigned }) => {
    const then = after.members.find((one) => one.seat === seat);
    return then === undefined ? sum : sum + countPartitions(minus(assigned, then.assigned));
  }, 0);
  const doubled = after.members.some(({ seat, assigned }) =>
    after.members.some((other) => other.seat !== seat && intersection(assigned, other.assigned).size > 0),
  );
  return [
    ...(moved > least ? [`${moved} partitions were taken from those that stay, where ${least} would have done`] : []),
    ...(doubled ? ['a target gives a partition to two'] : []),
  ];
}

function isComparable(before: Target, after: Target): boolean {
  const sameTopics =
    before.topics.size === after.topics.size &&
    [...before.topics].every(([id, count]) => after.topics.get(id) === count);
  if (before.nonce !== after.nonce || !sameTopics || before.assignor !== 'sticky' || after.assignor !== 'sticky') {
    return false;
  }
  const sameSubscriptions = after.members.every(({ seat, subscriptionNumber, nonce }) => {
    const then = before.members.find((one) => one.seat === seat);
    return then === undefined || then.nonce !== nonce || then.subscriptionNumber === subscriptionNumber;
  });
  const loads = before.members.map(({ assigned }) => countPartitions(assigned ?? NO_PARTITIONS));
  return sameSubscriptions && Math.max(...loads) - Math.min(...loads) <= 1;
}
