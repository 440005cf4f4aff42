/**
 * The file of a local server's triggers: `{"triggers": [{"name", "topic", "handler", …}]}`, as JSON or as the default
 * export of a module. A trigger is what POST /v1/triggers takes, with a handler in place of the function's ARN, one
 * `topic` where there is one, and `environment`; it begins at the start of its topics unless it says otherwise.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from '@hono/zod-openapi';
import { newTrigger, type TriggerInput } from '../../coordination/triggers/check-trigger.ts';
import { triggerInput } from '../../http/native/triggers.ts';
import { createTriggerSchema } from '../../http/native/triggers-schemas.ts';
import { validate } from '../../http/validate.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { serverLimits } from '../../kernel/limits/server.ts';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { OptionsError } from '../settings.ts';
import { findHandler, type HandlerModule } from './handler-module.ts';

export interface LocalTrigger {
  input: TriggerInput;
  module: HandlerModule;
  /** Variables that the handler has beside the server's own. */
  environment: Record<string, string>;
}

const text = z.string({ error: 'must be a string' });
const { target: _, starting_position: startingPosition, ...rest } = createTriggerSchema.shape;
const triggerSchema = z.strictObject(
  {
    ...rest,
    handler: text,
    topic: text.optional(),
    starting_position: startingPosition.optional(),
    environment: z.record(z.string(), text, { error: 'must be an object of strings' }).optional(),
  },
  { error: 'must be an object' },
);
const fileSchema = z.strictObject(
  { triggers: z.array(z.unknown(), { error: 'must be an array of triggers' }) },
  { error: 'must be an object {"triggers": [...]}' },
);

/** Throws `OptionsError` with the file's name, the trigger's and what is allowed. */
export async function readTriggerFile(file: string): Promise<LocalTrigger[]> {
  const path = resolve(file);
  const content = await contentOf(file, path);
  const { triggers } = naming(file, () => validate(fileSchema, content));
  if (triggers.length > triggerLimits.triggersMax) {
    throw new OptionsError(`${file} has ${triggers.length} triggers: at most ${triggerLimits.triggersMax} are allowed`);
  }
  const read = triggers.map((trigger, index) =>
    naming(`${file}: ${titleOf(trigger, index)}`, () => localTrigger(trigger, dirname(path))),
  );
  const names = read.map(({ input }) => input.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new OptionsError(`${file} has two triggers "${twice}"`);
  return read;
}

async function contentOf(file: string, path: string): Promise<unknown> {
  try {
    if (extname(path) !== '.json') {
      const module = (await import(pathToFileURL(path).href)) as { default?: unknown };
      return module.default;
    }
    const { size } = await stat(path);
    if (size > serverLimits.localTriggerFileBytesMax) throw new Error(`it has ${size} bytes`);
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    throw new OptionsError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function localTrigger(given: unknown, directory: string): LocalTrigger {
  const { handler, topic, environment = {}, topics, ...trigger } = validate(triggerSchema, given);
  if (topic !== undefined && topics !== undefined) throw invalid('topic must be there, or topics, and not both');
  const found = findHandler(handler, directory);
  if ('refusal' in found) throw invalid(`the handler "${handler}" ${found.refusal}`);
  const names = topic === undefined ? topics : [topic];
  const input = triggerInput({
    starting_position: 'TRIM_HORIZON',
    ...trigger,
    ...(names !== undefined && { topics: names }),
    target: handler,
  });
  newTrigger(input);
  return { input, module: found, environment };
}

function invalid(detail: string): MillraceError {
  return new MillraceError('INVALID_REQUEST', `${detail}.`);
}

function titleOf(trigger: unknown, index: number): string {
  const { name } = (trigger ?? {}) as { name?: unknown };
  return typeof name === 'string' ? `trigger "${name}"` : `triggers[${index}]`;
}

function naming<T>(where: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof MillraceError) throw new OptionsError(`${where}: ${error.message}`);
    throw error;
  }
}
