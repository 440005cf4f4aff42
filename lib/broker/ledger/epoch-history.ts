/**
 * The process's copies of what elections left of a ledger: when each leader epoch began, and what may be lost.
 *
 * An epoch's item is written with the head that begins it and never changes, so what was read is good for ever, and
 * only the epochs after it are read again. A ledger that never elected anyone is not asked.
 */
import {
  decodeEpoch,
  EPOCHS_END,
  EPOCHS_START,
  epochKey,
  type LeaderEpoch,
  type LostRange,
} from '../../coordination/replication/epoch-item.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { type LedgerId, ledgerName } from '../../kernel/ids.ts';
import { cacheLimits } from '../../kernel/limits/caches.ts';
import { LruMap } from '../../kernel/lru-map.ts';
import { headKey, type LedgerHead } from '../../log/ledger/head.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';

const NONE: readonly never[] = [];

export class EpochHistory {
  private readonly metadata: MetadataStore;
  /** Of every ledger all epochs up to the newest that was read, oldest first. */
  private readonly known = new LruMap<string, readonly LeaderEpoch[]>(cacheLimits.epochHistoryEntries);

  constructor({ metadata }: { metadata: MetadataStore }) {
    this.metadata = metadata;
  }

  /**
   * The epochs up to the head's, oldest first; epoch 0 has none. There may be later ones among them, of a newer head.
   */
  async epochs(ledger: LedgerId, head: LedgerHead): Promise<readonly LeaderEpoch[]> {
    if (head.replication === undefined || head.epoch === 0) return NONE;
    const name = ledgerName(ledger);
    const known = this.known.get(name) ?? NONE;
    if (newestOf(known) >= head.epoch) return known;
    const epochs = [...known, ...(await this.read(ledger, newestOf(known) + 1))];
    if (newestOf(epochs) < head.epoch) {
      throw new MillraceError('KAFKA_STORAGE_ERROR', `Leader epoch ${head.epoch} of a ledger is not found; try again.`);
    }
    this.known.set(name, epochs);
    return epochs;
  }

  /** Where records of the slot may be missing from all replicas, by unclean elections up to the head's epoch. */
  async lostRanges(ledger: LedgerId, slot: number, head: LedgerHead): Promise<readonly LostRange[]> {
    const epochs = await this.epochs(ledger, head);
    return epochs.flatMap(({ lost }) => lost?.[slot] ?? []).filter(({ from, to }) => from < to);
  }

  private async read(ledger: LedgerId, firstEpoch: number): Promise<LeaderEpoch[]> {
    const key = headKey(ledger);
    const epochs: LeaderEpoch[] = [];
    let from: string | undefined = epochKey(key, firstEpoch).sk;
    do {
      const page = await this.metadata.query({
        pk: key.pk,
        from,
        to: EPOCHS_END,
        limit: cacheLimits.epochsPerQueryMax,
        consistency: 'strong',
      });
      for (const item of page.items) {
        epochs.push(decodeEpoch(Number(item.key.sk.slice(EPOCHS_START.length)), item.attributes));
      }
      from = page.next;
    } while (from !== undefined);
    return epochs;
  }
}

function newestOf(epochs: readonly LeaderEpoch[]): number {
  return epochs.at(-1)?.epoch ?? 0;
}
