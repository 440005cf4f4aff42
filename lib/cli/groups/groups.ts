/** `millrace groups list`, `describe` and `delete` */
import type { GroupDetails, GroupMember, GroupSummary } from '../../client/groups.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { defineCommand } from '../command.ts';
import { factsText, tableText } from '../table.ts';

export const listGroups = defineCommand({
  name: 'groups list',
  about: 'List the consumer groups',
  examples: [
    { about: 'all of them', command: 'millrace groups list' },
    {
      about: 'those that nobody is in',
      command: "millrace groups list --json | jq -r 'select(.member_count == 0).group'",
    },
  ],
  async run({ client, out, json }) {
    const groups: GroupSummary[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.groups.list({ limit: requestLimits.listPageMax, cursor });
      if (json) for (const group of page.groups) await out.json(summaryJson(group));
      else groups.push(...page.groups);
      cursor = page.next;
    } while (cursor !== undefined);
    if (json) return;
    const rows = groups.map(({ group, state, memberCount }) => [group, state, memberCount]);
    await out.write(tableText(['GROUP', 'STATE', 'MEMBERS'], rows));
  },
});

export const describeGroup = defineCommand({
  name: 'groups describe',
  operands: '<group>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Show a group: its members, what each owns, and how far it is behind',
  examples: [{ about: 'how many records are still to be read', command: 'millrace groups describe billing' }],
  async run({ operands: [name = ''], client, out, json }) {
    const group = await client.groups.describe(name);
    if (json) return out.json(groupJson(group));
    const lag = group.partitions.reduce((sum, partition) => sum + partition.lag, 0);
    await out.write(
      factsText([
        ['group', group.group],
        ['state', group.state],
        ['generation', group.generation],
        ...(group.assignor === undefined ? [] : ([['assignor', group.assignor]] as const)),
        ['lag', lag],
      ]),
    );
    if (group.members.length > 0) {
      const rows = group.members.map((member) => [nameOf(member), member.client ?? '', ownedBy(member)]);
      await out.write(`\n${tableText(['MEMBER', 'CLIENT', 'OWNS'], rows)}`);
    }
    if (group.partitions.length === 0) return;
    const names = new Map(group.members.map((member) => [member.member, nameOf(member)]));
    const rows = group.partitions.map(({ topic, partition, committedOffset, highWatermark, lag: behind, member }) => [
      topic,
      partition,
      committedOffset ?? 'none',
      highWatermark,
      behind,
      member === undefined ? '' : (names.get(member) ?? member),
    ]);
    await out.write(`\n${tableText(['TOPIC', 'PARTITION', 'COMMITTED', 'END', 'LAG', 'MEMBER'], rows)}`);
  },
});

export const deleteGroups = defineCommand({
  name: 'groups delete',
  operands: '<group>…',
  operandsMin: 1,
  operandsMax: Infinity,
  about: 'Delete groups that have no members, with what they have committed; nobody is asked twice',
  examples: [{ about: 'for ever', command: 'millrace groups delete billing' }],
  async run({ operands, client, out, json, tell }) {
    for (const group of operands) {
      await client.groups.delete(group);
      if (json) await out.json({ group, deleted: true });
      else tell(`The group ${group} is deleted.`);
    }
  },
});

function nameOf({ member, instanceId }: GroupMember): string {
  return instanceId ?? member ?? '';
}

/** `orders 0-2,5`: ranges, a topic after the other. */
function ownedBy({ assignment }: GroupMember): string {
  return assignment.map(({ topic, partitions }) => `${topic} ${rangesOf(partitions)}`).join(' ');
}

/** As `--partition` takes them. */
export function rangesOf(partitions: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const partition of partitions.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && partition === last[1] + 1) last[1] = partition;
    else ranges.push([partition, partition]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

function summaryJson({ group, state, kind, generation, memberCount }: GroupSummary) {
  return { group, state, kind, generation, member_count: memberCount };
}

/** As the API has it. */
function groupJson({ group, state, kind, generation, assignor, members, partitions }: GroupDetails) {
  return {
    group,
    state,
    kind,
    generation,
    assignor,
    members: members.map((member) => ({
      member: member.member,
      instance_id: member.instanceId,
      client: member.client,
      generation: member.generation,
      topics: member.topics,
      topic_pattern: member.topicPattern,
      assignor: member.assignor,
      assignment: member.assignment,
      session_timeout_ms: member.sessionTimeoutMs,
      seen_at: member.seenAt,
    })),
    partitions: partitions.map((one) => ({
      topic: one.topic,
      partition: one.partition,
      committed_offset: one.committedOffset,
      log_start_offset: one.logStartOffset,
      high_watermark: one.highWatermark,
      lag: one.lag,
      member: one.member,
    })),
  };
}
