/**
 * The process's copies of the items of producers that are not in their ledger's head. A copy is only ever the condition
 * of a write or grounds for good news; what a producer is refused for is read strongly.
 */
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { producerLimits } from '../../kernel/limits/producers.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import { decodeProducerItem, producerItemKey } from '../../log/ledger/producer-item.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';

export class ProducerItems {
  private readonly metadata: MetadataStore;
  /** `packed` is `undefined` where there is no item. */
  private readonly copies = new LruMap<string, { packed: Uint8Array | undefined }>(
    producerLimits.producerItemCacheEntries,
  );

  constructor({ metadata }: { metadata: MetadataStore }) {
    this.metadata = metadata;
  }

  /** The item's bytes as last seen, read where they were never; `undefined`: there is none. */
  async known(ledger: LedgerId, key: string): Promise<Uint8Array | undefined> {
    const copy = this.copies.get(nameOf(ledger, key));
    return copy === undefined ? this.strong(ledger, key) : copy.packed;
  }

  async strong(ledger: LedgerId, key: string): Promise<Uint8Array | undefined> {
    const item = await this.metadata.get(producerItemKey(ledger, key), 'strong');
    const packed = item && decodeProducerItem(item);
    this.note(ledger, key, packed);
    return packed;
  }

  /** Takes note of what a write did, or of what it found. */
  note(ledger: LedgerId, key: string, packed: Uint8Array | undefined): void {
    this.copies.set(nameOf(ledger, key), { packed });
  }
}

function nameOf(ledger: LedgerId, key: string): string {
  return `${ledgerName(ledger)}#${key}`;
}
