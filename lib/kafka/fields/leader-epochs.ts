/** Leader epochs as readers send them along (KIP-320). */
import type { EpochVerdict } from '../../broker/fetch/check-leader-epoch.ts';
import { type Failure, wireCodes } from '../failures.ts';

/** Readers that know none send -1. */
export function leaderEpochOf(wire: number): { leaderEpoch?: number } {
  return wire < 0 ? {} : { leaderEpoch: wire };
}

export function epochFailure(verdict: EpochVerdict): Failure | undefined {
  switch (verdict) {
    case 'current':
      return undefined;
    case 'fenced':
      return { code: wireCodes.FENCED_LEADER_EPOCH, message: 'There is a newer leader epoch.' };
    case 'unknown':
      return { code: wireCodes.UNKNOWN_LEADER_EPOCH, message: 'The leader epoch is not known here.' };
  }
}
