/** What `millrace fsck` is told: where the stores are, as the local server is, and how to look at them. */
import { type Flag, flagLines, flags } from '../flags.ts';
import { type OfflineStorage, offlineStorage, storageFlags } from '../offline.ts';
import { readFlags } from '../settings.ts';

export interface FsckOptions {
  storage: OfflineStorage;
  /** Reads all bytes, and not only what says how many there are. */
  deep: boolean;
  /** One object a line, for programs. */
  json: boolean;
}

const table = {
  ...storageFlags,
  deep: { about: 'Read all records too, and compare them with their checksums.' },
  json: { about: 'Print findings as JSON for programs, one object a line.' },
  help: flags.help,
} satisfies Record<string, Flag>;

/** `undefined` where help is asked for. Throws `OptionsError`. */
export function parseFsckOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): FsckOptions | undefined {
  const given = readFlags<keyof typeof table>(args, table);
  if (given.has('help')) return undefined;
  return { storage: offlineStorage(given, env, 'checked'), deep: given.has('deep'), json: given.has('json') };
}

export function fsckHelp(): string {
  return [
    'millrace fsck [flags]',
    '',
    'Goes through everything that table and bucket have, and says what is missing, contradicts itself, or is needed by',
    'nothing. It changes nothing. A data directory must not be in use by a server; a table and a bucket may.',
    '',
    ...flagLines(table),
    '',
    'With MILLRACE_TABLE and MILLRACE_BUCKET set it goes through those, as millrace serve does.',
    'It exits with 0 when nothing is found, 1 when something is, 2 when it could not go through all of it.',
    '',
    'Examples:',
    '',
    '  # what the local server keeps in .millrace',
    '  millrace fsck',
    '',
    '  # a deployed stack, with all of its records',
    '  MILLRACE_TABLE=t MILLRACE_BUCKET=b millrace fsck --deep --json',
    '',
  ].join('\n');
}
