/** What `millrace restore` is told: where the stores are, as the local server is, and whether to change them. */
import { type Flag, flagLines, flags } from '../flags.ts';
import { type OfflineStorage, offlineStorage, storageFlags } from '../offline.ts';
import { readFlags } from '../settings.ts';

export interface RestoreOptions {
  storage: OfflineStorage;
  /** Without it nothing is changed. */
  write: boolean;
  /** One object a line, for programs. */
  json: boolean;
  /** Names of objects that count as not there. */
  without: ReadonlySet<string>;
}

const table = {
  ...storageFlags,
  write: { about: 'Write what is missing; without it nothing is changed.' },
  without: {
    placeholder: '<object>',
    about: 'An object that counts as not there, where it cannot be told which one is right; several times.',
  },
  json: { about: 'Print what is found for programs, one object a line.' },
  help: flags.help,
} satisfies Record<string, Flag>;

/** `undefined` where help is asked for. Throws `OptionsError`. */
export function parseRestoreOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): RestoreOptions | undefined {
  const given = readFlags<keyof typeof table>(args, table);
  if (given.has('help')) return undefined;
  return {
    storage: offlineStorage(given, env, 'restored'),
    write: given.has('write'),
    json: given.has('json'),
    without: new Set((given.get('without') ?? []).map(String)),
  };
}

export function restoreHelp(): string {
  return [
    'millrace restore [flags]',
    '',
    'Makes items of merged segments anew that the table has lost, from the footers of their objects in the bucket. It says',
    'what it would write, and writes it with --write. Nothing else may be at work on the stores meanwhile, and since the loss.',
    '',
    ...flagLines(table),
    '',
    'With MILLRACE_TABLE and MILLRACE_BUCKET set it works on those, as millrace serve does.',
    'It exits with 0 when nothing is missing any more, 1 when something is, 2 when it could not go through all of it.',
    '',
    'Examples:',
    '',
    '  # what is missing in .millrace',
    '  millrace restore',
    '',
    '  # writes it, for a deployed stack',
    '  MILLRACE_TABLE=t MILLRACE_BUCKET=b millrace restore --write',
    '',
  ].join('\n');
}
