import type { LedgerId } from '../../kernel/ids.ts';
import { decodeLifecycle, type Lifecycle, lifecycleKey } from '../../log/merged/lifecycle-item.ts';
import type { Broker } from '../broker.ts';

/** How far the ledger's storage lifecycle has come, by a strong read. */
export async function lifecycleOf({ metadata }: Pick<Broker, 'metadata'>, ledger: LedgerId): Promise<Lifecycle> {
  return decodeLifecycle(await metadata.get(lifecycleKey(ledger), 'strong'));
}
