/** The bench's command line. */
import { parseArgs } from 'node:util';

export interface Options {
  /** Names of parts; all where none is named. */
  parts: string[];
  list: boolean;
  help: boolean;
  /** Exit 1 where a figure misses its bound. */
  check: boolean;
  rounds: number;
  directory: string;
  profileDirectory?: string;
}

export const USAGE = `npm run bench -- [part …] [options]

Measures Millrace against baselines in the same run and counts what its operations cost. Without a part, all of them.

  --list            name the parts and stop
  --check           exit with 1 where a figure misses its bound; with MILLRACE_REQUIRE_PEERS=1 also where one was skipped
  --rounds <n>      rounds of each side of a comparison (default 5)
  --dir <path>      where the data goes (default: .millrace, where npm start keeps its own)
  --profile <path>  write CPU profiles of the server there (they make it slower)
  --help            this text
`;

/** The disk and the place on it that users have; a temporary directory may be neither. */
const DIRECTORY_DEFAULT = '.millrace';

export const ROUNDS_DEFAULT = 5;
const ROUNDS_MAX = 100;

/** A fault of the command line, as the sentence its user gets. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function parseOptions(args: readonly string[], names: readonly string[]): Options {
  const { values, positionals } = parse(args);
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no part ${unknown}; there are: ${names.join(', ')}`);
  const rounds = values.rounds === undefined ? ROUNDS_DEFAULT : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > ROUNDS_MAX) {
    throw new UsageError(`--rounds must be a whole number from 1 to ${ROUNDS_MAX}`);
  }
  const {
    list = false,
    help = false,
    check = false,
    dir: directory = DIRECTORY_DEFAULT,
    profile: profileDirectory,
  } = values;
  return { parts: positionals, list, help, check, rounds, directory, profileDirectory };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        list: { type: 'boolean' },
        help: { type: 'boolean' },
        check: { type: 'boolean' },
        rounds: { type: 'string' },
        dir: { type: 'string' },
        profile: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
