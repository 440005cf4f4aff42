/** What idempotent and transactional producers met: a simulation in which they meet nothing proves little. */
import type { ProducerHistory } from './history.ts';

export function countProducers({
  batches,
  transactions,
  initializations,
  ends,
  moves,
}: ProducerHistory): Record<string, number> {
  const refused = (code: string) => {
    return batches.filter(({ event: { answer } }) => answer.kind === 'failed' && answer.code === code).length;
  };
  const ended = (outcome: string) => transactions.filter((one) => one.outcome === outcome).length;
  return {
    batches: batches.length,
    'batches acked again': batches.filter(({ offsets }) => offsets.length > 1).length,
    'old epochs refused': refused('INVALID_PRODUCER_EPOCH'),
    'gaps refused': refused('OUT_OF_ORDER_SEQUENCE_NUMBER'),
    'out of the head': moves.out,
    'back in the head': moves.back,
    committed: ended('committed'),
    'committed over several partitions': transactions.filter(
      ({ outcome, produces }) => outcome === 'committed' && produces.length > 1,
    ).length,
    'committed with offsets': transactions.filter(
      ({ outcome, offsets }) => outcome === 'committed' && offsets.length > 0,
    ).length,
    'answered again': transactions.filter(({ acks }) => acks.length > 1).length,
    aborted: ended('aborted'),
    'not known': ended('unknown'),
    takeovers: initializations.length,
    'ended with the next epoch': ends.length,
    'told so again': ends.length - new Set(ends.map(({ transaction }) => transaction)).size,
    'told another producer id': ends.filter(({ before, after }) => before.id !== after.id).length,
  };
}
