/** What `--help` prints. */
import type { Command } from './command.ts';
import { dashed, type Flag } from './flags.ts';

/** What the same program does without a server, or as one: none of these commands, since they take other flags. */
const OTHERS = [
  { name: 'serve', about: 'Serve the API on this machine; see millrace serve --help' },
  { name: 'gateway', about: "Serve Kafka's protocol over a table and a bucket; see millrace gateway --help" },
  { name: 'fsck', about: 'Check what is stored, without a server; see millrace fsck --help' },
  { name: 'restore', about: 'Make a lost index of merged segments anew; see millrace restore --help' },
];

export function programHelp(commands: readonly Command[]): string {
  return [
    'millrace <command>',
    '',
    ...twoColumns([...commands, ...OTHERS].map(({ name, about }) => [name, about])),
    '',
    'millrace <command> --help says more, with examples; millrace --version says which this is.',
    'Every command takes --url (MILLRACE_URL), --key (MILLRACE_API_KEY) and --json.',
    'It exits with 0 when all is done, 1 when something failed, 2 when the arguments cannot be meant.',
    '',
  ].join('\n');
}

/** The commands that begin with the word. */
export function groupHelp(word: string, commands: readonly Command[]): string {
  return [
    `millrace ${word} <command>`,
    '',
    ...twoColumns(commands.map(({ name, operands = '', about }) => [`${name} ${operands}`.trim(), about])),
    '',
    `millrace ${word} <command> --help says more, with examples.`,
    '',
  ].join('\n');
}

export function commandHelp({ name, operands, about, details, flags, examples }: Command): string {
  return [
    `millrace ${name}${operands === undefined ? '' : ` ${operands}`} [flags]`,
    '',
    `${about}.`,
    ...(details === undefined ? [] : ['', details]),
    '',
    ...twoColumns(Object.entries(flags).map(([flag, table]) => [writtenAs(flag, table), meaning(table)])),
    '',
    examples.length === 1 ? 'Example:' : 'Examples:',
    '',
    ...examples.flatMap(({ about: purpose, command }) => [`  # ${purpose}`, `  ${command}`, '']),
  ].join('\n');
}

function writtenAs(name: string, { short, alias, placeholder }: Flag): string {
  const letters = [short, alias].filter((one) => one?.length === 1).map((one) => `-${one}, `);
  const words = [name, alias].filter((one) => one !== undefined && one.length > 1).map((one) => dashed(one as string));
  return `${letters.join('')}${words.join(', ')}${placeholder === undefined ? '' : ` ${placeholder}`}`;
}

function meaning({ about, variable, default: value }: Flag): string {
  const facts = [variable, value === undefined ? undefined : `default ${value}`].filter((fact) => fact !== undefined);
  return facts.length === 0 ? about : `${about} [${facts.join('; ')}]`;
}

function twoColumns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`);
}
