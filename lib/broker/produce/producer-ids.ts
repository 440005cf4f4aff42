/**
 * The producer ids that a process may hand out, taken from the table a block at a time. Those it does not use are lost.
 */
import { blockEnd, planBlock } from '../../coordination/producers/producer-id-item.ts';
import { assert } from '../../kernel/assert.ts';
import { producerLimits } from '../../kernel/limits/producers.ts';
import type { MetadataStore } from '../../storage/metadata/port.ts';
import { decideAgain } from '../write-attempts.ts';

interface Block {
  next: number;
  end: number;
}

export class ProducerIds {
  private readonly metadata: MetadataStore;
  /** The one being used, or fetched. */
  private block: Promise<Block> = Promise.resolve({ next: 0, end: 0 });

  constructor({ metadata }: { metadata: MetadataStore }) {
    this.metadata = metadata;
  }

  /** An id that nobody else gets. */
  async next(): Promise<number> {
    for (;;) {
      const current = this.block;
      const block = await current.catch(() => ({ next: 0, end: 0 })); // who fetched it heard of the failure
      if (block.next < block.end) return block.next++;
      // Whoever finds the block empty first fetches the next one; the others find that one.
      if (this.block !== current) continue;
      this.block = this.fetch();
      await this.block;
    }
  }

  /** A repetition after an unknown outcome takes another block. */
  private async fetch(): Promise<Block> {
    return decideAgain('taking of producer ids', async () => {
      const { outcome, item } = await this.metadata.write([planBlock(producerLimits.producerIdBlock)]);
      assert(outcome === 'applied' && item !== undefined, 'an update without a condition returns the item');
      const end = blockEnd(item);
      return { done: { next: end - producerLimits.producerIdBlock, end } };
    });
  }
}
