/**
 * Patterns of topic names, in the syntax of RE2, matched in time proportional to the name's length times the pattern's
 * steps, whatever the pattern (pattern-automaton.ts). JavaScript's own expressions backtrack, and a pattern comes from
 * whoever may consume.
 *
 * A pattern must match the whole name, as with Kafka's `SubscriptionPattern` (KIP-848). Taken: characters, `.`, classes
 * with ranges and negation, `\d \w \s` and their opposites, escaped signs, groups, `|`, `* + ? {m} {m,} {m,n}` and
 * their lazy forms (which match the same names), `^` and `$`. Refused by name: flags, classes by property or in POSIX
 * form, and what RE2 has not either, such as references and looks around.
 */
import { groupLimits } from '../../kernel/limits/groups.ts';
import { type CharacterClass, PatternAutomaton, type Step } from './pattern-automaton.ts';

export type PatternResult = { result: 'pattern'; pattern: PatternAutomaton } | { result: 'refused'; detail: string };

export function compileTopicPattern(text: string): PatternResult {
  if (text.length > groupLimits.topicPatternLengthMax) {
    return refused(`it has more than ${groupLimits.topicPatternLengthMax} characters`);
  }
  try {
    const steps: Step[] = [];
    emit(new Parser(text).parse(), steps);
    push(steps, { step: 'match' });
    return { result: 'pattern', pattern: new PatternAutomaton(steps) };
  } catch (error) {
    if (error instanceof PatternError) return refused(error.message);
    throw error;
  }
}

function refused(detail: string): PatternResult {
  return { result: 'refused', detail };
}

/** Leaves the recursion of the parser; never the module. */
class PatternError extends Error {}

type Node =
  | { node: 'class'; class: CharacterClass }
  | { node: 'sequence' | 'choice'; parts: Node[] }
  | { node: 'repeat'; part: Node; min: number; max: number }
  | { node: 'start' | 'end' };

const DIGITS = [[48, 57]] as const;
const WORD = [
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
] as const;
const SPACE = [
  [9, 10],
  [12, 13],
  [32, 32],
] as const;
const ESCAPED_CLASSES: Record<string, CharacterClass> = {
  d: { ranges: DIGITS, negated: false },
  D: { ranges: DIGITS, negated: true },
  w: { ranges: WORD, negated: false },
  W: { ranges: WORD, negated: true },
  s: { ranges: SPACE, negated: false },
  S: { ranges: SPACE, negated: true },
};
const ESCAPED_CONTROLS: Record<string, number> = { t: 9, n: 10, v: 11, f: 12, r: 13 };
const REPEATED: Record<string, { min: number; max: number }> = {
  '*': { min: 0, max: Number.POSITIVE_INFINITY },
  '+': { min: 1, max: Number.POSITIVE_INFINITY },
  '?': { min: 0, max: 1 },
};

class Parser {
  private readonly characters: string[];
  private position = 0;
  private depth = 0;

  constructor(text: string) {
    this.characters = Array.from(text);
  }

  parse(): Node {
    const node = this.choice();
    if (this.position < this.characters.length) throw new PatternError('a ) closes nothing');
    return node;
  }

  private choice(): Node {
    const parts = [this.sequence()];
    while (this.takes('|')) parts.push(this.sequence());
    return { node: 'choice', parts };
  }

  private sequence(): Node {
    const parts: Node[] = [];
    for (;;) {
      const next = this.characters[this.position];
      if (next === undefined || next === '|' || next === ')') return { node: 'sequence', parts };
      parts.push(this.repeated());
    }
  }

  private repeated(): Node {
    const part = this.atom();
    const times = this.times();
    if (times === undefined) return part;
    this.takes('?'); // lazy: the same names
    if (this.times() !== undefined) throw new PatternError('a repetition is repeated');
    return { node: 'repeat', part, ...times };
  }

  private times(): { min: number; max: number } | undefined {
    const sign = REPEATED[this.characters[this.position] ?? ''];
    if (sign !== undefined) {
      this.position++;
      return sign;
    }
    const rest = this.characters.slice(this.position, this.position + 12).join('');
    const match = /^\{(?<min>\d{1,4})(?<comma>,(?<max>\d{1,4})?)?\}/.exec(rest);
    if (match === null) return undefined;
    const { min = '0', comma, max } = match.groups ?? {};
    const unbounded = comma !== undefined && max === undefined;
    const most = unbounded ? Number.POSITIVE_INFINITY : Number(max ?? min);
    if (most < Number(min)) throw new PatternError(`${match[0]} ends before it begins`);
    this.position += match[0].length;
    return { min: Number(min), max: most };
  }

  private atom(): Node {
    const character = this.next();
    switch (character) {
      case '(':
        return this.group();
      case '[':
        return { node: 'class', class: this.characterClass() };
      case '.':
        return { node: 'class', class: { ranges: [[10, 10]], negated: true } };
      case '^':
        return { node: 'start' };
      case '$':
        return { node: 'end' };
      case '\\':
        return this.escaped();
      case '*':
      case '+':
      case '?':
        throw new PatternError(`there is nothing before ${character} to repeat`);
      default:
        return literal(codeOf(character));
    }
  }

  private group(): Node {
    if (this.takes('?') && !this.takes(':')) throw new PatternError('of the groups with (? only (?: is taken');
    if (++this.depth > groupLimits.topicPatternDepthMax) throw new PatternError('its groups nest too deep');
    const node = this.choice();
    this.depth--;
    if (!this.takes(')')) throw new PatternError('a ( is not closed');
    return node;
  }

  private escaped(): Node {
    const named = this.escape();
    return typeof named === 'number' ? literal(named) : { node: 'class', class: named };
  }

  /** What a backslash makes of the character after it: one character, or several. */
  private escape(): number | CharacterClass {
    const character = this.next();
    const named = ESCAPED_CLASSES[character];
    if (named !== undefined) return named;
    const control = ESCAPED_CONTROLS[character];
    if (control !== undefined) return control;
    if (/[\dA-Za-z]/.test(character)) throw new PatternError(`\\${character} is not taken`);
    return codeOf(character);
  }

  private characterClass(): CharacterClass {
    const negated = this.takes('^');
    const ranges: (readonly [number, number])[] = [];
    for (let first = true; first || !this.takes(']'); first = false) {
      if (this.characters[this.position] === '[' && this.characters[this.position + 1] === ':') {
        throw new PatternError('classes of the form [:name:] are not taken');
      }
      const from = this.classMember();
      if (typeof from !== 'number') {
        if (from.negated) throw new PatternError('a class within a class cannot be negated');
        ranges.push(...from.ranges);
        continue;
      }
      const isRange = this.characters[this.position] === '-' && this.characters[this.position + 1] !== ']';
      if (isRange) this.position++;
      const to = isRange ? this.classMember() : from;
      if (typeof to !== 'number' || to < from) throw new PatternError('a range of characters has no order');
      ranges.push([from, to]);
    }
    return { ranges, negated };
  }

  private classMember(): number | CharacterClass {
    const character = this.next();
    return character === '\\' ? this.escape() : codeOf(character);
  }

  private next(): string {
    const character = this.characters[this.position++];
    if (character === undefined) throw new PatternError('it ends too early');
    return character;
  }

  private takes(character: string): boolean {
    const taken = this.characters[this.position] === character;
    if (taken) this.position++;
    return taken;
  }
}

function literal(code: number): Node {
  return { node: 'class', class: { ranges: [[code, code]], negated: false } };
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

function emit(node: Node, steps: Step[]): void {
  switch (node.node) {
    case 'class':
      return push(steps, { step: 'class', class: node.class });
    case 'start':
    case 'end':
      return push(steps, { step: node.node });
    case 'sequence':
      for (const part of node.parts) emit(part, steps);
      return;
    case 'choice':
      return emitChoice(node.parts, steps);
    case 'repeat':
      return emitRepeat(node, steps);
  }
}

function emitChoice(parts: readonly Node[], steps: Step[]): void {
  const ends: { step: 'jump'; to: number }[] = [];
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1) {
      emit(part, steps);
      break;
    }
    const split = { step: 'split' as const, to: 0 };
    push(steps, split);
    emit(part, steps);
    const end = { step: 'jump' as const, to: 0 };
    push(steps, end);
    ends.push(end);
    split.to = steps.length;
  }
  for (const end of ends) end.to = steps.length;
}

function emitRepeat({ part, min, max }: Extract<Node, { node: 'repeat' }>, steps: Step[]): void {
  for (let time = 0; time < min; time++) emitOne(part, steps);
  if (max === Number.POSITIVE_INFINITY) {
    const split = { step: 'split' as const, to: 0 };
    const from = steps.length;
    push(steps, split);
    emit(part, steps);
    push(steps, { step: 'jump', to: from });
    split.to = steps.length;
    return;
  }
  const splits: { step: 'split'; to: number }[] = [];
  for (let time = min; time < max; time++) {
    const split = { step: 'split' as const, to: 0 };
    push(steps, split);
    emit(part, steps);
    splits.push(split);
  }
  for (const split of splits) split.to = steps.length;
}

/** A part without steps may be repeated ever so often; it counts, so that nested repetitions end. */
function emitOne(part: Node, steps: Step[]): void {
  const before = steps.length;
  emit(part, steps);
  if (steps.length === before) push(steps, { step: 'jump', to: before + 1 });
}

function push(steps: Step[], step: Step): void {
  if (steps.length >= groupLimits.topicPatternStepsMax) throw new PatternError('its repetitions make it too long');
  steps.push(step);
}
