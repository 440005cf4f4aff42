/**
 * The flags of a command: a table says what there is, and its values are asked for by name. Whatever is not understood
 * is refused: nothing is ignored.
 */
import { parseArgs } from 'node:util';
import { UsageError } from './failure.ts';

export interface Flag {
  /** One letter. */
  short?: string;
  /** Another name for the same, that users of other tools know; a letter or a word. */
  alias?: string;
  /** Stands for the value in the help; a flag without one is switched on by naming it. */
  placeholder?: string;
  /** May be given several times. */
  repeats?: boolean;
  variable?: string;
  /** For the help only. */
  default?: string;
  about: string;
}

export type Flags<Name extends string = string> = Readonly<Record<Name, Flag>>;

/** Every command has these. */
export const commonFlags = {
  url: {
    placeholder: '<url>',
    variable: 'MILLRACE_URL',
    default: 'http://127.0.0.1:8080',
    about: 'Where the API is.',
  },
  key: {
    alias: 'api-key',
    placeholder: '<[id:]secret>',
    variable: 'MILLRACE_API_KEY',
    about: 'API key; better in the variable, since other users of the machine can see flags.',
  },
  json: { about: 'Print JSON for programs, one object a line.' },
  help: { short: 'h', about: 'Print this.' },
} as const satisfies Flags;

export type CommonName = keyof typeof commonFlags;

/** What was given, checked against the table but for the values. */
export class Given<Name extends string> {
  readonly operands: readonly string[];
  private readonly values: ReadonlyMap<string, readonly (string | true)[]>;

  constructor(values: ReadonlyMap<string, readonly (string | true)[]>, operands: readonly string[]) {
    this.values = values;
    this.operands = operands;
  }

  on(name: Name): boolean {
    return this.values.has(name);
  }

  text(name: Name): string | undefined {
    const value = this.values.get(name)?.[0];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: Name): string[] {
    return (this.values.get(name) ?? []).filter((value) => typeof value === 'string');
  }

  number(name: Name, min: number, max: number): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new UsageError(`--${name} is "${value}", not a whole number from ${min} to ${max}`);
  }

  oneOf<const Choice extends string>(name: Name, choices: readonly Choice[]): Choice | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const choice = choices.find((one) => one === value);
    if (choice !== undefined) return choice;
    throw new UsageError(`--${name} is "${value}"; it is one of ${choices.join(', ')}`);
  }

  /** The values of `name=value`, in their order. The name is not empty; the value may be, and may have `=` in it. */
  pairs(name: Name): [string, string][] {
    return this.list(name).map((given) => {
      const at = given.indexOf('=');
      if (at > 0) return [given.slice(0, at), given.slice(at + 1)];
      throw new UsageError(`--${name} is "${given}", not <name>=<value>`);
    });
  }
}

/** Throws `UsageError`. */
export function readFlags<Name extends string>(args: readonly string[], flags: Flags<Name>): Given<Name> {
  const names = namesOf(flags);
  const values = new Map<string, (string | true)[]>();
  const operands: string[] = [];
  for (const token of tokens(args, flags)) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      operands.push(token.value);
      continue;
    }
    const { rawName, value, inlineValue } = token;
    const name = names.get(rawName);
    if (name === undefined) throw new UsageError(`there is no flag ${rawName}`);
    const { placeholder, repeats } = flags[name];
    if (placeholder === undefined && value !== undefined) throw new UsageError(`${rawName} takes no value`);
    if (placeholder !== undefined && (value === undefined || isForgotten(value, inlineValue))) {
      throw new UsageError(`${rawName} needs a value: ${rawName} ${placeholder}`);
    }
    const before = values.get(name) ?? [];
    if (before.length > 0 && repeats !== true) throw new UsageError(`${rawName} is given twice; once is enough`);
    values.set(name, [...before, value ?? true]);
  }
  return new Given(values, operands);
}

/**
 * A value that looks like a flag is more likely a forgotten value; --flag=value says it clearly, and -5 is a number.
 */
function isForgotten(value: string, inlineValue: boolean | undefined): boolean {
  return !inlineValue && /^-\D/.test(value);
}

/** By how they are written. */
function namesOf<Name extends string>(flags: Flags<Name>): Map<string, Name> {
  const names = new Map<string, Name>();
  for (const [name, { short, alias }] of Object.entries<Flag>(flags)) {
    names.set(`--${name}`, name as Name);
    for (const other of [short, alias]) if (other !== undefined) names.set(dashed(other), name as Name);
  }
  return names;
}

/** Not strict: the messages here are better. */
function tokens(args: readonly string[], flags: Flags) {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const [name, { short, alias, placeholder }] of Object.entries(flags)) {
    const type = placeholder === undefined ? 'boolean' : 'string';
    options[name] = { type, ...(short !== undefined && { short }) };
    if (alias === undefined) continue;
    // A second letter needs a long name of its own, which nobody can type because of its space.
    if (alias.length === 1) options[`${name} ${alias}`] = { type, short: alias };
    else options[alias] = { type };
  }
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
