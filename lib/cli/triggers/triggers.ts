/** `millrace triggers list`, `describe`, `pause`, `resume` and `delete` */
import type { TriggerDetails, TriggerError, TriggerPartition, TriggerSummary } from '../../client/triggers.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { apiJson } from '../api-json.ts';
import { type Command, defineCommand } from '../command.ts';
import { factsText, tableText } from '../table.ts';
import { isoTime } from '../times.ts';

export const listTriggers = defineCommand({
  name: 'triggers list',
  about: 'List the triggers, which deliver records to functions',
  examples: [
    { about: 'all of them', command: 'millrace triggers list' },
    { about: 'those that rest', command: `millrace triggers list --json | jq -r 'select(.enabled | not).name'` },
  ],
  async run({ client, out, json }) {
    const triggers: TriggerSummary[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.triggers.list({ limit: requestLimits.listPageMax, cursor });
      if (json) for (const trigger of page.triggers) await out.json(apiJson(trigger));
      else triggers.push(...page.triggers);
      cursor = page.next;
    } while (cursor !== undefined);
    if (json) return;
    const rows = triggers.map((trigger) => [trigger.name, trigger.state, topicsText(trigger), trigger.target]);
    await out.write(tableText(['TRIGGER', 'STATE', 'TOPICS', 'TARGET'], rows));
  },
});

export const describeTrigger = defineCommand({
  name: 'triggers describe',
  operands: '<trigger>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Show a trigger: how far it is behind, who delivers, and what went wrong',
  examples: [{ about: 'why nothing arrives', command: 'millrace triggers describe order-mails' }],
  async run({ operands: [name = ''], client, out, json }) {
    const trigger = await client.triggers.describe(name);
    if (json) return out.json(apiJson(trigger));
    await out.write(factsText(factsOf(trigger)));
    if (trigger.partitions.length === 0) return;
    const rows = trigger.partitions.map((one) => [
      one.topic,
      one.partition,
      one.committedOffset ?? 'none',
      one.highWatermark,
      one.lag,
      doingText(one),
    ]);
    await out.write(`\n${tableText(['TOPIC', 'PARTITION', 'COMMITTED', 'END', 'LAG', 'DELIVERY'], rows)}`);
  },
});

export const pauseTriggers = enabling({
  name: 'triggers pause',
  enabled: false,
  about: 'Stop delivering; the place is held',
  said: 'rests',
});

export const resumeTriggers = enabling({
  name: 'triggers resume',
  enabled: true,
  about: 'Go on delivering where a pause began',
  said: 'delivers again',
});

function enabling({
  name,
  enabled,
  about,
  said,
}: {
  name: string;
  enabled: boolean;
  about: string;
  said: string;
}): Command {
  return defineCommand({
    name,
    operands: '<trigger>…',
    operandsMin: 1,
    operandsMax: Infinity,
    about,
    examples: [{ about: 'what is running ends as it began', command: `millrace ${name} order-mails` }],
    async run({ operands, client, out, json, tell }) {
      for (const trigger of operands) {
        const altered = await client.triggers.alter(trigger, { enabled });
        if (json) await out.json(apiJson(altered));
        else tell(`The trigger ${trigger} ${said}.`);
      }
    },
  });
}

export const deleteTriggers = defineCommand({
  name: 'triggers delete',
  operands: '<trigger>…',
  operandsMin: 1,
  operandsMax: Infinity,
  about: 'Delete triggers; their groups keep what they have committed',
  examples: [{ about: 'for ever', command: 'millrace triggers delete order-mails' }],
  async run({ operands, client, out, json, tell }) {
    for (const trigger of operands) {
      await client.triggers.delete(trigger);
      if (json) await out.json({ trigger, deleted: true });
      else tell(`The trigger ${trigger} is deleted.`);
    }
  },
});

function factsOf(trigger: TriggerDetails): (readonly [string, string | number])[] {
  const { lastError: error } = trigger;
  return [
    ['trigger', trigger.name],
    ['state', trigger.state],
    ['topics', topicsText(trigger)],
    ['group', trigger.group],
    ['target', trigger.target],
    ['batch size', trigger.batchSize],
    ['lag', trigger.lag === 0 ? 0 : `${trigger.lag}, since ${Math.ceil(trigger.lagMs / 1_000)} s`],
    ...(error === undefined ? [] : ([['last error', errorText(error)]] as const)),
  ];
}

function topicsText({ topics, topicPattern }: TriggerSummary): string {
  return topics === undefined ? `/${topicPattern ?? ''}/` : topics.join(',');
}

function errorText({ kind, message, at }: TriggerError): string {
  return `${kind} at ${isoTime(at)}: ${message}`;
}

function doingText({ holder, attempts, nextAttempt }: TriggerPartition): string {
  const failed = attempts === 0 ? '' : `attempt ${attempts} failed`;
  if (holder !== undefined) return attempts === 0 ? 'under way' : `attempt ${attempts} under way`;
  return nextAttempt === undefined ? failed : [failed, `next at ${isoTime(nextAttempt)}`].filter(Boolean).join(', ');
}
