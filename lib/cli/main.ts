/**
 * The command line: arguments in, an exit code out. 0 when all is done (also when whoever reads the answer has enough
 * of it), 1 when something failed, 2 when the arguments cannot be meant, 130 where an interrupt left something undone.
 */
import { readFile } from 'node:fs/promises';
import { type Command, invocationOf } from './command.ts';
import { commands } from './commands.ts';
import { failureOf, UsageError } from './failure.ts';
import { readFlags } from './flags.ts';
import { commandHelp, groupHelp, programHelp } from './help.ts';
import { BrokenPipe, Output } from './output.ts';
import type { World } from './world.ts';

/** Never throws what a person at a terminal could do something about; a bug it throws. */
export async function main(world: World): Promise<number> {
  const say = (sentence: string) => world.stderr.write(`millrace: ${sentence}\n`);
  // Nobody is left to be told.
  world.stderr.on('error', () => {});
  let url = '';
  const [word = ''] = world.args;
  let help = groupOf(word).length === 0 ? 'millrace --help' : `millrace ${word} --help`;
  try {
    const selected = select(world.args);
    if (selected.text !== undefined) {
      await new Output(world.stdout).write(selected.text());
      return 0;
    }
    if (selected.version) {
      await new Output(world.stdout).line(await version());
      return 0;
    }
    const { command } = selected;
    help = `millrace ${command.name} --help`;
    const given = readFlags(selected.args, command.flags);
    if (given.on('help')) {
      await new Output(world.stdout).write(commandHelp(command));
      return 0;
    }
    const invocation = invocationOf(world, command, given);
    url = invocation.url;
    await command.run(invocation);
    return 0;
  } catch (error) {
    if (error instanceof BrokenPipe) return 0;
    const failure = failureOf(error, url);
    if (failure === undefined) throw error;
    say(failure instanceof UsageError ? `${failure.message}; see ${help}` : failure.message);
    return failure.exitCode;
  }
}

type Selected =
  | { text: () => string; version?: undefined }
  | { text?: undefined; version: true }
  | { text?: undefined; version?: undefined; command: Command; args: readonly string[] };

const HELP = new Set(['--help', '-h', 'help']);

/** Which command the first words name. Throws `UsageError`. */
function select(args: readonly string[]): Selected {
  const [first, ...rest] = args;
  if (first === undefined) return { text: () => programHelp(commands) };
  if (first === '--version' || first === '-V') return { version: true };
  if (HELP.has(first)) return rest.length === 0 ? { text: () => programHelp(commands) } : helpOf(rest);
  const alone = commands.find(({ name }) => name === first);
  if (alone !== undefined) return { command: alone, args: rest };
  const group = groupOf(first);
  if (group.length === 0) {
    if (first.startsWith('-')) throw new UsageError(`${first} comes before a command; flags follow it`);
    throw new UsageError(`there is no command "${first}"`);
  }
  const [second, ...others] = rest;
  if (second !== undefined && HELP.has(second)) return { text: () => groupHelp(first, group) };
  const command = group.find(({ name }) => name === `${first} ${second}`);
  if (command !== undefined) return { command, args: others };
  const words = group.map(({ name }) => name.slice(first.length + 1)).join(', ');
  throw new UsageError(
    second === undefined
      ? `millrace ${first} needs one of ${words}`
      : `millrace ${first} has ${words}, and no "${second}"`,
  );
}

/** The commands of two words that begin with this one. */
function groupOf(word: string): Command[] {
  return commands.filter(({ name }) => name.startsWith(`${word} `));
}

/** `millrace help topics create` */
function helpOf(words: readonly string[]): Selected {
  const selected = select([...words, '--help']);
  if (!('command' in selected)) return selected;
  return { text: () => commandHelp(selected.command) };
}

/** The manifest is two folders up, in the repository as in the package. */
async function version(): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
