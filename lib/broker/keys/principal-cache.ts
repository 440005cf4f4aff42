/** The process's view of API keys (see expiring-cache.ts). */
import { decodePrincipal, type PrincipalRecord, principalKey } from '../../coordination/tenants/principal-item.ts';
import type { Clock } from '../../kernel/clock.ts';
import { keyLimits } from '../../kernel/limits/keys.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import { ExpiringCache } from '../expiring-cache.ts';

export class PrincipalCache extends ExpiringCache<PrincipalRecord> {
  constructor({ metadata, clock }: { metadata: MetadataStore; clock: Clock }) {
    super({
      read: async (id) => {
        const attributes = await metadata.get(principalKey(id), 'strong');
        return attributes && decodePrincipal(id, attributes);
      },
      clock,
      entriesMax: keyLimits.principalCacheEntries,
      ageMsMax: keyLimits.principalCacheMs,
    });
  }
}
