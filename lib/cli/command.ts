/** What a command is, and what it works with. */
import { createClient, type MillraceClient } from '../client/client.ts';
import { UsageError } from './failure.ts';
import { type CommonName, commonFlags, type Flags, type Given } from './flags.ts';
import { Output } from './output.ts';
import type { World } from './world.ts';

export interface Example {
  about: string;
  command: string;
}

interface CommandTable<Name extends string> {
  /** The words that name it, such as `topics create`. */
  name: string;
  /** What may follow its name beside flags, for the help: `<topic>`, `<topic>…` or `[<file>…]`. */
  operands?: string;
  /** How many of those there may be. */
  operandsMin?: number;
  operandsMax?: number;
  /** One line of the list of commands, without a full stop. */
  about: string;
  /** More, for its own help. */
  details?: string;
  flags?: Flags<Name>;
  examples: readonly Example[];
}

export interface Invocation<Name extends string> {
  world: World;
  given: Given<Name | CommonName>;
  operands: readonly string[];
  out: Output;
  url: string;
  /** Whether the answer is for a program. */
  json: boolean;
  client: MillraceClient;
  /** A line for the person at the terminal, on stderr. */
  tell: (sentence: string) => void;
}

export interface Command extends Omit<CommandTable<string>, 'flags'> {
  /** All of them, those that every command has included. */
  flags: Flags;
  /** Throws a `Failure` where not all was done. */
  run: (invocation: Invocation<string>) => Promise<void>;
}

/** Ties the names of the flags that a command asks for to those that it has. */
export function defineCommand<const Name extends string = never>(
  table: CommandTable<Name> & { run: (invocation: Invocation<Name>) => Promise<void> },
): Command {
  return { ...table, flags: { ...table.flags, ...commonFlags } };
}

/** Throws `UsageError`. */
export function invocationOf(world: World, command: Command, given: Given<string>): Invocation<string> {
  const { operandsMin = 0, operandsMax = 0, operands: placeholder } = command;
  const { operands } = given;
  if (operands.length < operandsMin) throw new UsageError(`millrace ${command.name} needs ${placeholder ?? ''}`);
  if (operands.length > operandsMax) throw new UsageError(`"${operands[operandsMax] ?? ''}" is one argument too many`);
  for (const operand of operands) requireName(operand, 'an argument');
  const url = urlOf(world, given);
  return {
    world,
    given,
    operands,
    out: new Output(world.stdout),
    url,
    json: given.on('json'),
    client: createClient({ url, apiKey: keyOf(world, given), clock: world.clock }),
    tell: (sentence) => world.stderr.write(`${sentence}\n`),
  };
}

/** Nothing has such a name, no file either that could be read. Throws `UsageError`. */
export function requireName(name: string, what: string): void {
  if (name === '') throw new UsageError(`${what} is empty`);
  if (name === '.' || name === '..') throw new UsageError(`${what} is "${name}", which is no name`);
}

function urlOf(world: World, given: Given<string>): string {
  const flag = given.text('url');
  const [source, url] = flag === undefined ? ['MILLRACE_URL', world.env['MILLRACE_URL']] : ['--url', flag];
  if (url === undefined || (flag === undefined && url === '')) return commonFlags.url.default;
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new UsageError(`${source} is "${url}", not a URL like ${commonFlags.url.default}`);
}

/** The text is a secret, so it is not repeated. */
function keyOf(world: World, given: Given<string>): string | undefined {
  const flag = given.text('key');
  const key = flag ?? world.env['MILLRACE_API_KEY'];
  if (key === undefined || (flag === undefined && key === '')) return undefined;
  const source = flag === undefined ? 'MILLRACE_API_KEY' : '--key';
  if (key === '') throw new UsageError(`${source} is empty`);
  if (/^[\x21-\x2b\x2d-\x7e]+$/.test(key)) return key;
  throw new UsageError(
    `${source} is not one key, [id:]secret: it has a comma, a space or a character that is not ASCII`,
  );
}
