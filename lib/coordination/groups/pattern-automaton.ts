/**
 * Runs the steps that a topic pattern compiles to. All places that a name may have got to are a state, moved along the
 * name character by character, so that nothing is tried twice. States and the ways between them are remembered, up to a
 * number: most patterns have few, and then a character is one look-up. With those that have many, on names that bring
 * them out, a character costs at most a look at every step.
 */
import { groupLimits } from '../../kernel/limits/groups.ts';

export interface CharacterClass {
  ranges: readonly (readonly [number, number])[];
  negated: boolean;
}

export type Step =
  | { step: 'class'; class: CharacterClass }
  | { step: 'split'; to: number }
  | { step: 'jump'; to: number }
  | { step: 'start' | 'end' | 'match' };

interface State {
  /** Those that take a character, wait for the end, or are the end. */
  places: readonly number[];
  isFirst: boolean;
  /** Whether a name that ends here matches; absent as long as none did. */
  accepts?: boolean;
  /** By kind of character; absent of a state that is not remembered. */
  next?: (State | undefined)[];
}

const ASCII = 128;
/** Above it, a character is two units of a text. */
const BASIC = 0xffff;

export class PatternAutomaton {
  /** Steps looked at so far: what it has cost. */
  work = 0;
  private readonly steps: readonly Step[];
  /** By class, whether it has a character of ASCII: a class may have hundreds of ranges. */
  private readonly tables = new Map<CharacterClass, Uint8Array>();
  /** By character of ASCII: those that all classes have in common, or none of them, are of one kind. */
  private readonly kinds: Uint8Array;
  private readonly states = new Map<string, State>();
  private readonly first: State;
  /** By step, the last round that reached it. */
  private readonly reached: Uint32Array;
  private round = 0;

  constructor(steps: readonly Step[]) {
    this.steps = steps;
    this.reached = new Uint32Array(steps.length);
    for (const step of steps) {
      if (step.step === 'class' && !this.tables.has(step.class)) this.tables.set(step.class, tableOf(step.class));
    }
    this.kinds = kindsOf([...this.tables.values()]);
    this.first = { places: this.follow([0], { atStart: true, atEnd: false }), isFirst: true, next: [] };
  }

  matches(name: string): boolean {
    let state = this.first;
    for (let at = 0; at < name.length; at++) {
      const code = name.codePointAt(at) as number;
      if (code > BASIC) at++;
      state = state.next?.[this.kinds[code] ?? -1] ?? this.move(state, code);
      if (state.places.length === 0) return false;
    }
    state.accepts ??= this.acceptsAtEnd(state);
    return state.accepts;
  }

  private move(state: State, code: number): State {
    const taken: number[] = [];
    for (const place of state.places) {
      const step = this.steps[place] as Step;
      if (step.step === 'class' && this.takes(step.class, code)) taken.push(place + 1);
    }
    this.work += state.places.length;
    const places = this.follow(taken, { atStart: false, atEnd: false });
    const kind = this.kinds[code];
    if (state.next === undefined || kind === undefined) return { places, isFirst: false };
    const next = this.remembered(places);
    if (next.next !== undefined) state.next[kind] = next;
    return next;
  }

  private remembered(places: readonly number[]): State {
    const isFull = this.states.size >= groupLimits.topicPatternStatesMax;
    if (isFull) return { places, isFirst: false };
    const key = places.join();
    const state = this.states.get(key) ?? { places, isFirst: false, next: [] };
    this.states.set(key, state);
    return state;
  }

  /** Those places, and the ones that are reached from them without a character. */
  private follow(from: readonly number[], { atStart, atEnd }: { atStart: boolean; atEnd: boolean }): number[] {
    const { steps, reached } = this;
    const round = ++this.round;
    const places: number[] = [];
    const waiting = [...from];
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      if (reached[at] === round) continue;
      reached[at] = round;
      this.work++;
      const step = steps[at] as Step;
      if (step.step === 'jump') waiting.push(step.to);
      else if (step.step === 'split') waiting.push(step.to, at + 1);
      else if (step.step === 'start' ? atStart : step.step === 'end' && atEnd) waiting.push(at + 1);
      else if (step.step !== 'start') places.push(at);
    }
    return places;
  }

  private acceptsAtEnd({ places, isFirst }: State): boolean {
    return this.follow(places, { atStart: isFirst, atEnd: true }).some((at) => this.steps[at]?.step === 'match');
  }

  private takes(of: CharacterClass, code: number): boolean {
    return code < ASCII ? this.tables.get(of)?.[code] === 1 : contains(of, code);
  }
}

function tableOf(of: CharacterClass): Uint8Array {
  return Uint8Array.from({ length: ASCII }, (_, code) => Number(contains(of, code)));
}

function kindsOf(tables: readonly Uint8Array[]): Uint8Array {
  const known = new Map<string, number>();
  return Uint8Array.from({ length: ASCII }, (_, code) => {
    const signature = tables.map((table) => table[code]).join('');
    const kind = known.get(signature) ?? known.size;
    known.set(signature, kind);
    return kind;
  });
}

function contains({ ranges, negated }: CharacterClass, code: number): boolean {
  return ranges.some(([from, to]) => code >= from && code <= to) !== negated;
}
