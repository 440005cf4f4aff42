/** `millrace keys …` */
import type { ApiKey, Scope } from '../client/keys.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import { defineCommand } from './command.ts';
import { UsageError } from './failure.ts';
import { factsText, tableText } from './table.ts';
import { isoTime } from './times.ts';

const SCOPES: readonly Scope[] = ['produce', 'consume', 'admin'];

export const listKeys = defineCommand({
  name: 'keys list',
  about: 'List the API keys, without their secrets',
  examples: [{ about: 'all of them', command: 'millrace keys list' }],
  async run({ client, out, json }) {
    const keys: ApiKey[] = [];
    let cursor: string | undefined;
    do {
      const page = await client.keys.list({ limit: requestLimits.listPageMax, cursor });
      if (json) for (const key of page.keys) await out.json(keyJson(key));
      else keys.push(...page.keys);
      cursor = page.next;
    } while (cursor !== undefined);
    if (json) return;
    const rows = keys.map(({ id, scopes, topicPrefix = '', createdAt }) => [
      id,
      scopes.join(','),
      topicPrefix,
      isoTime(createdAt),
    ]);
    await out.write(tableText(['ID', 'SCOPES', 'TOPIC PREFIX', 'CREATED'], rows));
  },
});

export const createKey = defineCommand({
  name: 'keys create',
  about: 'Create an API key; its secret is shown this once',
  flags: {
    scope: {
      short: 's',
      placeholder: '<scope>',
      repeats: true,
      about: 'produce, consume or admin; a comma list, or several times.',
    },
    'topic-prefix': { placeholder: '<text>', about: 'Only for topics whose names begin so.' },
  },
  examples: [
    {
      about: 'for a shop that writes and reads its own topics',
      command: 'millrace keys create -s produce,consume --topic-prefix shop.',
    },
  ],
  async run({ given, client, out, json }) {
    const scopes = given
      .list('scope')
      .flatMap((list) => list.split(','))
      .map(checkScope);
    if (scopes.length === 0) throw new UsageError('a key needs at least one --scope: produce, consume or admin');
    const key = await client.keys.create({ scopes, topicPrefix: given.text('topic-prefix') });
    if (json) return out.json({ ...keyJson(key), secret: key.secret });
    await out.write(
      factsText([
        ['id', key.id],
        ['secret', key.secret],
        ['scopes', key.scopes.join(',')],
        ...(key.topicPrefix === undefined ? [] : ([['topic prefix', key.topicPrefix]] as const)),
      ]),
    );
  },
});

export const deleteKeys = defineCommand({
  name: 'keys delete',
  operands: '<id>…',
  operandsMin: 1,
  operandsMax: Infinity,
  about: 'Delete API keys; some processes may take them for seconds more',
  examples: [{ about: 'by its id', command: 'millrace keys delete 5VnYyJ0kqYQwXKX7' }],
  async run({ operands, client, out, json, tell }) {
    for (const id of operands) {
      await client.keys.delete(id);
      if (json) await out.json({ id, deleted: true });
      else tell(`The key ${id} is deleted.`);
    }
  },
});

function checkScope(text: string): Scope {
  const scope = SCOPES.find((one) => one === text);
  if (scope !== undefined) return scope;
  throw new UsageError(`--scope has "${text}"; it is one of ${SCOPES.join(', ')}`);
}

function keyJson({ id, scopes, topicPrefix, createdAt }: ApiKey) {
  return { id, scopes, topic_prefix: topicPrefix, created_at: createdAt };
}
