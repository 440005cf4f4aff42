import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readTriggerFile } from '../../../lib/local/triggers/trigger-file.ts';
import { cleanUp, temporaryDirectory } from '../../support/local-process.ts';

afterEach(cleanUp);

async function fileOf(content: string, name = 'triggers.json'): Promise<string> {
  const directory = await temporaryDirectory();
  await writeFile(join(directory, 'orders.ts'), 'export const handler = async () => {};');
  await writeFile(join(directory, name), content);
  return join(directory, name);
}

const trigger = { name: 'orders', topic: 'orders', handler: './orders.handler' };

describe('the file of triggers', () => {
  it("has the API's options, a handler beside it, and variables for it", async () => {
    const given = { ...trigger, batch_size: 7, filters: [{ value: { a: [1] } }], environment: { A: 'b' } };
    const file = await fileOf(JSON.stringify({ triggers: [given] }));
    const [read] = await readTriggerFile(file);
    expect(read).toMatchObject({
      input: {
        name: 'orders',
        topics: { names: ['orders'] },
        target: './orders.handler',
        startingPosition: { position: 'TRIM_HORIZON' },
        batchSize: 7,
        filters: ['{"value":{"a":[1]}}'],
      },
      module: { path: join(file, '../orders.ts'), exportName: 'handler' },
      environment: { A: 'b' },
    });
  });

  it.each([
    ['triggers.ts', 'const name: string = "orders";\nexport default'],
    ['triggers.mjs', 'const name = "orders";\nexport default'],
    ['triggers.cjs', 'const name = "orders";\nmodule.exports ='],
  ])('may be the module %s', async (name, head) => {
    const body = '{ triggers: [{ name, topic_pattern: "orders-.*", handler: "./orders.handler" }] };';
    const [read] = await readTriggerFile(await fileOf(`${head} ${body}`, name));
    expect(read?.input).toMatchObject({ name: 'orders', topics: { pattern: 'orders-.*' } });
  });

  it.each([
    [
      'an unknown option',
      { ...trigger, batchSize: 1 },
      /trigger "orders": batchSize is not a known field; there are .*batch_size/,
    ],
    [
      'a value out of bounds',
      { ...trigger, batch_size: 0 },
      /trigger "orders": Batch_size is 0, and must be a whole number from 1 to 10000/i,
    ],
    [
      'a handler without a module',
      { ...trigger, handler: './nothing.handler' },
      /The handler ".\/nothing.handler" names no module: there is no .*nothing with .ts, /,
    ],
    ['a handler that is none', { ...trigger, handler: 'orders' }, /The handler "orders" is not <module>.<export>/],
    ['no handler', { ...trigger, handler: undefined }, /trigger "orders": handler must be a string/],
    ['no topic', { ...trigger, topic: undefined }, /trigger "orders": topics must be there, or topic_pattern/],
    ['topic and topics', { ...trigger, topics: ['a'] }, /topic must be there, or topics, and not both/],
    ['no name', { ...trigger, name: undefined }, /triggers\[0\]: name must be a string/],
    ['a filter that is none', { ...trigger, filters: ['{'] }, /trigger "orders": /],
    ['variables that are no text', { ...trigger, environment: { A: 1 } }, /environment.A must be a string/],
    ['no object', 7, /triggers\[0\]: .*must be an object/],
  ])('refuses %s, naming file and trigger', async (_, given, message) => {
    const file = await fileOf(JSON.stringify({ triggers: [given] }));
    const refusal: unknown = await readTriggerFile(file).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ name: 'OptionsError', message: expect.stringMatching(message) });
    expect((refusal as Error).message).toContain(file);
  });

  it('refuses two triggers of one name', async () => {
    const file = await fileOf(JSON.stringify({ triggers: [trigger, trigger] }));
    await expect(readTriggerFile(file)).rejects.toThrow(/has two triggers "orders"$/);
  });

  it.each([
    ['triggers.json', '{', /triggers.json cannot be read: /],
    ['triggers.json', '[]', /must be an object \{"triggers"/],
    ['triggers.ts', 'export const triggers = [];', /must be an object \{"triggers"/],
    ['triggers.ts', 'export default (;', /triggers.ts cannot be read: /],
  ])('refuses %s of %s', async (name, content, message) => {
    await expect(readTriggerFile(await fileOf(content, name))).rejects.toThrow(message);
  });

  it('refuses a file that is not there', async () => {
    await expect(readTriggerFile('/nowhere/triggers.json')).rejects.toThrow(
      /^\/nowhere\/triggers.json cannot be read: /,
    );
  });
});
