/** `millrace erasures list`, `create`, `describe`, `wait` and `delete` */

import type { MillraceClient } from '../client/client.ts';
import type { CreateErasureOptions, ErasureDetails, ErasureSummary } from '../client/erasures.ts';
import type { Clock } from '../kernel/clock.ts';
import { erasureLimits } from '../kernel/limits/erasures.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import { apiJson } from './api-json.ts';
import { defineCommand } from './command.ts';
import { UsageError } from './failure.ts';
import type { Given } from './flags.ts';
import { counted, factsText, tableText } from './table.ts';
import { isoTime } from './times.ts';

export const listErasures = defineCommand({
  name: 'erasures list',
  about: 'List erasures, the oldest first',
  examples: [{ about: 'all of them', command: 'millrace erasures list' }],
  async run({ client, out, json }) {
    const erasures: ErasureSummary[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.erasures.list({ limit: requestLimits.listPageMax, cursor });
      if (json) for (const erasure of page.erasures) await out.json(apiJson(erasure));
      else erasures.push(...page.erasures);
      cursor = page.next;
    } while (cursor !== undefined);
    if (json) return;
    const rows = erasures.map((one) => [one.id, one.state, topicsText(one), matchText(one), isoTime(one.createdAt)]);
    await out.write(tableText(['ERASURE', 'STATE', 'TOPICS', 'BY', 'CREATED'], rows));
  },
});

type Flag = 'topic-pattern' | 'record-key' | 'header';

export const createErasure = defineCommand({
  name: 'erasures create',
  operands: '[<topic>…]',
  operandsMax: Infinity,
  about: "Erase a subject's records from topics for ever, without asking again",
  details:
    'What is there by now is erased, in the background; what is produced later is not. Records are no longer read within seconds, and ' +
    'nothing of them is stored after an hour or two: millrace erasures wait waits for either.',
  flags: {
    'topic-pattern': {
      placeholder: '<pattern>',
      about: 'All topics whose whole name matches (RE2), in place of topics.',
    },
    'record-key': { placeholder: '<key>', about: 'Records with exactly this key.' },
    header: { short: 'H', placeholder: '<name=value>', about: 'Records with exactly this header, whatever their key.' },
  },
  examples: [
    {
      about: 'what one customer has ordered',
      command: 'millrace erasures create orders payments --record-key customer-17',
    },
    { about: 'wherever it is', command: "millrace erasures create --topic-pattern '.*' -H user=customer-17" },
  ],
  async run({ given, operands, client, out, json, tell }) {
    const erasure = await client.erasures.create(optionsOf(given, operands));
    if (json) return out.json(apiJson(erasure));
    await out.write(`${erasure.id}\n`);
    const { id, partitions } = erasure;
    const records = `${counted(partitions.length, 'partition')} of ${counted(new Set(partitions.map(({ topic }) => topic)).size, 'topic')}`;
    tell(`All records that are in ${records} by now are looked at. millrace erasures wait ${id} says when it is done.`);
  },
});

export const describeErasure = defineCommand({
  name: 'erasures describe',
  operands: '<erasure>',
  operandsMin: 1,
  operandsMax: 1,
  about: 'Show an erasure: how far it is, and what it has rewritten',
  examples: [{ about: 'whether it is done', command: 'millrace erasures describe 019b76daa8005f0e9ad1' }],
  async run({ operands: [id = ''], client, out, json }) {
    const erasure = await client.erasures.describe(id);
    if (json) return out.json(apiJson(erasure));
    await out.write(factsText(factsOf(erasure)));
    const rows = erasure.partitions
      .filter(({ endOffset }) => endOffset > 0)
      .map((one) => [
        one.topic,
        one.partition,
        one.endOffset,
        one.erasedOffset,
        one.recordsRemoved,
        one.segmentsRewritten,
      ]);
    if (rows.length === 0) return;
    const headings = ['TOPIC', 'PARTITION', 'REACHES TO', 'IS AT', 'RECORDS REMOVED', 'SEGMENTS REWRITTEN'];
    await out.write(`\n${tableText(headings, rows)}`);
  },
});

export const waitForErasures = defineCommand({
  name: 'erasures wait',
  operands: '<erasure>…',
  operandsMin: 1,
  operandsMax: Infinity,
  about: 'Wait until erasures are done, or until no reader is given the records',
  flags: { unreadable: { about: 'Only until no reader is given the records any more.' } },
  examples: [
    { about: 'until nothing of it is stored', command: 'millrace erasures wait 019b76daa8005f0e9ad1' },
    { about: 'until nobody can read it', command: 'millrace erasures wait 019b76daa8005f0e9ad1 --unreadable' },
  ],
  async run({ world, given, operands, client, out, json, tell }) {
    const unreadable = given.on('unreadable');
    for (const id of operands) {
      const erasure = await settled(client, world.clock, { id, unreadable, tell });
      if (json) await out.json(apiJson(erasure));
      else tell(`The erasure ${id} ${endText(erasure)}.`);
    }
  },
});

export const deleteErasures = defineCommand({
  name: 'erasures delete',
  operands: '<erasure>…',
  operandsMin: 1,
  operandsMax: Infinity,
  about: 'Forget erasures; one that is not done is given up',
  examples: [{ about: 'when its report is kept elsewhere', command: 'millrace erasures delete 019b76daa8005f0e9ad1' }],
  async run({ operands, client, out, json, tell }) {
    for (const erasure of operands) {
      await client.erasures.delete(erasure);
      if (json) await out.json({ erasure, deleted: true });
      else tell(`The erasure ${erasure} is forgotten.`);
    }
  },
});

async function settled(
  client: MillraceClient,
  clock: Clock,
  { id, unreadable, tell }: { id: string; unreadable: boolean; tell: (sentence: string) => void },
): Promise<ErasureDetails> {
  for (let told = ''; ; ) {
    const erasure = await client.erasures.describe(id);
    if (erasure.state === 'done' || (unreadable && erasure.state === 'waiting')) return erasure;
    const said = [`${id}: ${progressText(erasure)}`, ...erasure.problems].join('\n');
    if (said !== told) tell(said);
    told = said;
    await clock.sleep(erasureLimits.erasurePollMs);
  }
}

function progressText({ completeAfter, partitions, recordsRemoved }: ErasureDetails): string {
  const removed = `${counted(recordsRemoved, 'record')} removed`;
  if (completeAfter !== undefined) return `waiting, until ${isoTime(completeAfter)} at least; ${removed}`;
  const looked = partitions.filter(({ erasedOffset, endOffset }) => erasedOffset >= endOffset).length;
  return `running, ${looked} of ${counted(partitions.length, 'partition')} looked at; ${removed}`;
}

function endText({ state, recordsRemoved, segmentsRewritten, objectsDeleted }: ErasureDetails): string {
  const removed = `${counted(recordsRemoved, 'record')} removed, ${counted(segmentsRewritten, 'segment')} rewritten`;
  if (state !== 'done') return `waits; nobody can read the records: ${removed}`;
  return `is done: ${removed}, ${counted(objectsDeleted, 'object')} deleted`;
}

function optionsOf(given: Given<Flag>, topics: readonly string[]): CreateErasureOptions {
  const [topicPattern, key, header] = [given.text('topic-pattern'), given.text('record-key'), given.text('header')];
  if ((topicPattern === undefined) === (topics.length === 0)) {
    throw new UsageError('give topics, or --topic-pattern, and not both');
  }
  if ((key === undefined) === (header === undefined)) throw new UsageError('give one of --record-key and --header');
  // What is erased does not come back, and an empty one is most often a variable of the shell that is not set.
  if (key === '') throw new UsageError('--record-key is empty; only the API erases records with an empty key');
  return {
    ...(topicPattern === undefined ? { topics } : { topicPattern }),
    ...(key !== undefined ? { key } : { header: headerOf(header as string) }),
  };
}

function headerOf(text: string): { key: string; value: string } {
  const at = text.indexOf('=');
  if (at < 1) throw new UsageError(`--header is "${text}", not <name>=<value>`);
  const value = text.slice(at + 1);
  if (value === '') throw new UsageError(`--header "${text}" has no value; only the API erases by an empty one`);
  return { key: text.slice(0, at), value };
}

function factsOf(erasure: ErasureDetails): (readonly [string, string | number])[] {
  const { completeAfter, completedAt, problems } = erasure;
  return [
    ['erasure', erasure.id],
    ['state', erasure.state],
    ['topics', topicsText(erasure)],
    ['by', matchText(erasure)],
    ['created', isoTime(erasure.createdAt)],
    ...(completeAfter === undefined ? [] : ([['done after', isoTime(completeAfter)]] as const)),
    ...(completedAt === undefined ? [] : ([['done', isoTime(completedAt)]] as const)),
    ['records removed', erasure.recordsRemoved],
    ['segments rewritten', erasure.segmentsRewritten],
    ['objects deleted', erasure.objectsDeleted],
    ...problems.map((problem) => ['problem', problem] as const),
  ];
}

function topicsText({ topics, topicPattern }: ErasureSummary): string {
  return topics === undefined ? `/${topicPattern ?? ''}/` : topics.join(',');
}

function matchText({ match }: ErasureSummary): string {
  return match.kind === 'key' ? 'key' : `header ${match.header}`;
}
