import { Turns } from '../../lib/kernel/turns.ts';
import { turn } from './passing-time.ts';

/** Turns of which each is over at the second question, as if all work took long. */
export class ShortTurns extends Turns {
  /** How often whoever asked had to wait. */
  breaks = 0;

  constructor() {
    const time = { ms: 0 };
    const monotonic = () => {
      time.ms += 1;
      return time.ms;
    };
    super({ clock: { now: () => time.ms, monotonic, sleep: () => turn() as Promise<void> }, turnMs: 1 });
  }

  override ownTurn(): Promise<void> | undefined {
    const turn = super.ownTurn();
    if (turn !== undefined) this.breaks += 1;
    return turn;
  }
}
