/**
 * What deleted topics leave behind, by the shared stores themselves: no process and no fault is between them and the
 * watch. Asked before the last sweep, which would clear up after a deletion that forgets something.
 */
import type { Broker } from '../../lib/broker/broker.ts';
import { finishDeletions } from '../../lib/broker/lifecycle/finish-deletions.ts';
import { decodeHead, isHead } from '../../lib/log/ledger/head.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import { DELETED_TOPICS } from '../../lib/log/topic/deleted-topic-item.ts';
import type { MetadataStore } from '../../lib/storage/metadata/port.ts';
import { inlineKey, parseInlineName } from '../../lib/storage/objects/inline-item.ts';
import type { ObjectStore } from '../../lib/storage/objects/port.ts';
import type { WrittenItem } from './table-watch.ts';

export class DeletedTopics {
  private readonly metadata: MetadataStore;
  private readonly bucket: ObjectStore;
  /** The partition keys of all ledgers there ever were. */
  private readonly ledgers = new Set<string>();
  /** By object that was ever committed, the ledgers that had it. */
  private readonly objects = new Map<string, Set<string>>();
  /** What was deleted once. A put that the network delivers later brings it back, which is for the last sweep. */
  private readonly removed = new Set<string>();

  constructor({ metadata, bucket }: { metadata: MetadataStore; bucket: ObjectStore }) {
    this.metadata = metadata;
    this.bucket = bucket;
  }

  /** The bucket as processes are to have it. */
  watched(): ObjectStore {
    const { bucket, removed } = this;
    const watched: ObjectStore = Object.create(bucket);
    watched.delete = async (names) => {
      await bucket.delete(names);
      for (const name of names) removed.add(name);
    };
    return watched;
  }

  /** What one write has made of its items. */
  note(written: readonly WrittenItem[]): void {
    for (const { key, item } of written) {
      if (item === undefined) this.removed.add(`${key.pk}/${key.sk}`);
      if (item === undefined || !isHead(key)) continue;
      this.ledgers.add(key.pk);
      for (const { tier, object } of decodeHead(item).tail) {
        const name = objectName(tier, object);
        this.objects.set(name, (this.objects.get(name) ?? new Set()).add(key.pk));
      }
    }
  }

  /** As the maintenance does it when nothing can be on its way any more. */
  async finish(broker: Broker): Promise<void> {
    for (let round = 0; round < 2; round++) await finishDeletions(broker, { graceMs: 0 });
  }

  /** Items and objects that belong to no topic that is there. */
  async leftOver(): Promise<string[]> {
    const left = (await this.itemsUnder(DELETED_TOPICS)).map((sk) => `the item ${DELETED_TOPICS}/${sk}`);
    const gone = new Set<string>();
    for (const pk of this.ledgers) {
      const sortKeys = await this.itemsUnder(pk);
      if (sortKeys.some((sk) => isHead({ pk, sk }))) continue;
      gone.add(pk);
      left.push(...sortKeys.map((sk) => `the item ${pk}/${sk}`));
    }
    for (const [name, ledgers] of this.objects) {
      if ([...ledgers].every((pk) => gone.has(pk)) && (await this.isThere(name))) left.push(`the object ${name}`);
    }
    return left;
  }

  private async itemsUnder(pk: string): Promise<string[]> {
    const { items } = await this.metadata.query({ pk, limit: 1_000, consistency: 'strong' });
    return items.map(({ key }) => key.sk);
  }

  private async isThere(name: string): Promise<boolean> {
    const inline = parseInlineName(name);
    if (inline === undefined) return !this.removed.has(name) && (await this.bucket.getTail(name, 1)) !== undefined;
    const key = inlineKey(inline);
    return !this.removed.has(`${key.pk}/${key.sk}`) && (await this.metadata.get(key, 'strong')) !== undefined;
  }
}
