/**
 * What flags and environment variables say, one by one. A flag wins over its variable, and an empty variable counts as
 * none. Whatever is not understood is refused by name: nothing is ignored.
 */
import { parseArgs } from 'node:util';
import { type Flag, type FlagName, flags } from './flags.ts';

/**
 * Something in the flags or the environment cannot be meant. The message is a sentence for whoever started the server.
 */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
}

export interface Surroundings {
  args: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  readFile: (path: string) => string;
}

/** By flag, the values in their order; `true` where a flag takes none. */
export type Given<Name extends string = FlagName> = ReadonlyMap<Name, (string | true)[]>;

/** The flags of one command. Throws `OptionsError`. */
export function readFlags<Name extends string>(args: readonly string[], table: Record<Name, Flag>): Given<Name> {
  const given = new Map<Name, (string | true)[]>();
  const isFlag = (name: string): name is Name => Object.hasOwn(table, name);
  for (const token of tokens(args, table)) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') throw new OptionsError(`"${token.value}" is no flag; see --help`);
    const { name, rawName, value, inlineValue } = token;
    if (!isFlag(name)) throw new OptionsError(`there is no flag ${rawName}; see --help`);
    const { placeholder } = table[name];
    // A value that looks like a flag is more likely a forgotten value; --flag=value says it clearly.
    if (placeholder !== undefined && (value === undefined || (value.startsWith('-') && !inlineValue))) {
      throw new OptionsError(`${rawName} needs a value: ${rawName} ${placeholder}`);
    }
    if (placeholder === undefined && value !== undefined) throw new OptionsError(`${rawName} takes no value`);
    given.set(name, [...(given.get(name) ?? []), value ?? true]);
  }
  return given;
}

/** Not strict: the messages here are better. */
function tokens(args: readonly string[], table: Record<string, Flag>) {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { placeholder }]) => [
      name,
      { type: placeholder === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

export class Settings {
  private readonly given: Given;
  private readonly env: Surroundings['env'];

  constructor(given: Given, env: Surroundings['env']) {
    this.given = given;
    this.env = env;
  }

  /** Every value with where it came from: those of the flags, or the variable's, or none. */
  values(name: FlagName): { source: string; value: string }[] {
    const values = this.given.get(name);
    if (values !== undefined) return values.map((value) => ({ source: `--${name}`, value: String(value) }));
    const { variable } = flags[name];
    const value = variable && this.env[variable];
    return variable === undefined || value === undefined || value === '' ? [] : [{ source: variable, value }];
  }

  /** The one value, or the default. */
  one(name: FlagName): { source: string; value: string } {
    const values = this.values(name);
    if (values.length > 1) throw new OptionsError(`--${name} is given ${values.length} times; once is enough`);
    return values[0] ?? { source: `--${name}`, value: flags[name].default ?? '' };
  }

  text(name: FlagName): string {
    const { source, value } = this.one(name);
    if (value.trim() === '') throw new OptionsError(`${source} is empty`);
    return value.trim();
  }

  optional(name: FlagName): string | undefined {
    return this.values(name).length === 0 ? undefined : this.text(name);
  }

  number(name: FlagName, min: number, max: number): number {
    const { source, value } = this.one(name);
    const number = /^[0-9]{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new OptionsError(`${source} is "${value}", not a whole number from ${min} to ${max}`);
  }

  on(name: FlagName): boolean {
    const { source, value } = this.one(name);
    if (['true', '1'].includes(value)) return true;
    if (['', 'false', '0'].includes(value)) return false;
    throw new OptionsError(`${source} is "${value}", not true or false`);
  }

  /** The entries of comma lists. */
  list(name: FlagName): { source: string; value: string }[] {
    return this.values(name).flatMap(({ source, value }) =>
      value.split(',').map((entry) => ({ source, value: entry.trim() })),
    );
  }
}
