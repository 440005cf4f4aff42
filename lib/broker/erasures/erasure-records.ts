/** Erasures as the table has them. */
import { MillraceError } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { decodeErasure, type Erasure, erasureKey, isErasureId } from '../../log/erasure/erasure-item.ts';
import {
  decodeErasureLedger,
  ERASURE_LEDGERS_END,
  ERASURE_LEDGERS_START,
  type ErasureLedger,
  erasureLedgersKey,
} from '../../log/erasure/erasure-ledger-item.ts';
import type { QueryPage } from '../../storage/metadata/port.ts';
import type { Broker } from '../broker.ts';

export async function findErasure({ metadata }: Broker, id: string): Promise<Erasure | undefined> {
  if (!isErasureId(id)) return undefined;
  const attributes = await metadata.get(erasureKey(id), 'strong');
  return attributes && decodeErasure(id, attributes);
}

/** Throws `NOT_FOUND`. */
export async function getErasure(broker: Broker, id: string): Promise<Erasure> {
  const found = await findErasure(broker, id);
  if (found !== undefined) return found;
  throw new MillraceError('NOT_FOUND', `There is no erasure "${id.slice(0, 100)}".`);
}

/** In the order of topics' ids. */
export async function ledgersOfErasure({ metadata }: Broker, id: string): Promise<ErasureLedger[]> {
  const found: ErasureLedger[] = [];
  for (let from: string | undefined = ERASURE_LEDGERS_START; from !== undefined; ) {
    const page: QueryPage = await metadata.query({
      pk: erasureLedgersKey(id),
      from,
      to: ERASURE_LEDGERS_END,
      limit: requestLimits.listPageMax,
      consistency: 'strong',
    });
    found.push(...page.items.map(decodeErasureLedger));
    from = page.next;
  }
  return found;
}
