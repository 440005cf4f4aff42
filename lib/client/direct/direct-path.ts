/**
 * Reading history of partitions from the bucket by itself, past the server: plans, their ranges at the same time and
 * ahead of whoever takes them, in order. Partitions take turns of a plan each.
 *
 * - There is never more in memory than `bytesMax`, beside the piece that was handed out last.
 * - What fails is tried once more with a new plan: URLs expire, and what they name is replaced. Then, and where there
 *   is too little to read, the partition's reading ends, and says so: ordinary fetches go on where it got to, and find
 *   the same.
 */
import { clientLimits } from '../../kernel/limits/client.ts';
import type { TopicPartition } from '../consumer/options.ts';
import { MillraceClientError } from '../errors.ts';
import { Gate } from './gate.ts';
import type { Planner } from './plan.ts';
import type { RangeReader } from './range-reader.ts';
import { type Piece, Turn } from './turn.ts';

export interface DirectPathOptions {
  plans: Planner;
  ranges: RangeReader;
  inFlightMax: number;
  bytesMax: number;
}

/** One partition's reading. */
export interface Track {
  readonly name: TopicPartition;
  /** After the last piece that was handed out. */
  offset: number;
}

export type DirectStep =
  | { kind: 'piece'; track: Track; piece: Piece }
  /** Ordinary fetches go on at the track's offset. */
  | { kind: 'near'; track: Track }
  | { kind: 'failed'; track: Track; error: unknown };

interface State {
  track: Track;
  /** Where its next turn begins; `undefined`: not known yet. */
  ahead: number | undefined;
  /** The last thing that it did was to fail. */
  retrying: boolean;
}

interface TurnOf {
  state: State;
  turn: Turn;
}

export class DirectPath {
  private readonly options: DirectPathOptions;
  private readonly gate: Gate;
  /** The next to have a turn is the first. */
  private states: State[] = [];
  private turns: TurnOf[] = [];

  constructor(options: DirectPathOptions) {
    this.options = options;
    this.gate = new Gate(options);
  }

  add(name: TopicPartition, offset: number): Track {
    const track = { name, offset };
    // The others have had their turns.
    this.states.unshift({ track, ahead: offset, retrying: false });
    this.readAhead();
    return track;
  }

  /** What it has read ahead is forgotten. */
  remove(track: Track): void {
    this.states = this.states.filter((state) => state.track !== track);
    const gone = this.turns.filter(({ state }) => state.track === track);
    this.turns = this.turns.filter(({ state }) => state.track !== track);
    for (const { turn } of gone) turn.stop();
  }

  /**
   * What comes next, of any partition; `undefined` where there is none. One call at a time; gives back the last piece.
   */
  async next(): Promise<DirectStep | undefined> {
    for (;;) {
      this.readAhead();
      const [first] = this.turns;
      if (first === undefined) return undefined;
      const { state, turn } = first;
      const { track } = state;
      const found = await outcomeOf(turn);
      if (this.turns[0] !== first) continue;
      if ('error' in found) {
        if (state.retrying || !isWorthRetrying(found.error)) {
          this.remove(track);
          return { kind: 'failed', track, error: found.error };
        }
        state.retrying = true;
        this.beginAgain();
      } else if (found.piece === 'near') {
        this.remove(track);
        return { kind: 'near', track };
      } else if (found.piece === 'used-up') {
        this.turns.shift();
      } else {
        state.retrying = false;
        track.offset = found.piece.nextOffset;
        return { kind: 'piece', track, piece: found.piece };
      }
    }
  }

  stop(): void {
    for (const { track } of this.states) this.remove(track);
  }

  private readonly readAhead = (): void => {
    while (this.turns.length < clientLimits.clientPlansInHandMax) {
      const last = this.turns.at(-1);
      if (last !== undefined) {
        if (!last.turn.isBegun) return;
        last.state.ahead ??= last.turn.nextOffset;
      }
      const index = this.states.findIndex(({ ahead }) => ahead !== undefined);
      const [state] = index < 0 ? [] : this.states.splice(index, 1);
      if (state === undefined) return;
      this.states.push(state);
      this.begin(state);
    }
  };

  private begin(state: State): void {
    const { plans, ranges, bytesMax } = this.options;
    const from = { ...state.track.name, offset: state.ahead as number };
    state.ahead = undefined;
    const turn = new Turn({ from, plans, ranges, bytesMax, gate: this.gate, onProgress: this.readAhead });
    this.turns.push({ state, turn });
  }

  /** Of all partitions: what others have read ahead could hold the memory that the first now needs. */
  private beginAgain(): void {
    for (const { turn } of this.turns.splice(0)) turn.stop();
    for (const state of this.states) state.ahead = state.track.offset;
  }
}

async function outcomeOf(turn: Turn): Promise<{ piece: Piece | 'near' | 'used-up' } | { error: unknown }> {
  try {
    return { piece: await turn.next() };
  } catch (error) {
    return { error };
  }
}

/**
 * A plan that is refused is so again: out of range, not allowed, not there. Whatever a URL answers, another one may
 * not.
 */
function isWorthRetrying(error: unknown): boolean {
  return !(error instanceof MillraceClientError) || error.retriable;
}
