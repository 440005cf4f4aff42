/**
 * Who an idempotent producer is: its id and epoch.
 *
 * A batch that was given up and may have been written leaves its sequence open: it may still arrive. So may a forgotten
 * producer's. Both end with a new epoch, in which every partition begins at sequence 0 again and the server refuses
 * whatever is late (KIP-360). All partitions change together, and only while none has a batch under way: a batch that
 * was attempted in one epoch must be settled in it, or it could be written in both.
 */
import { orAborted } from './deadlines.ts';

/** One epoch; another one is another object. */
export interface ProducerEpoch {
  readonly producerId: bigint;
  readonly epoch: number;
}

/** The wire format has 16 bits for it, and none for a sign. */
const PRODUCER_EPOCH_MAX = 0x7fff;

export class ProducerIdentity {
  private readonly newId: () => Promise<ProducerEpoch>;
  private current: ProducerEpoch | undefined;
  private loading: Promise<void> | undefined;
  /** Batches that are attempted in the current epoch and not settled. */
  private underWay = 0;
  private bumpWanted = false;
  /** Settles when the epoch has changed. */
  private changing = Promise.withResolvers<void>();

  /** `newId` asks the server for an id that nobody has; it may be called again where it fails. */
  constructor(newId: () => Promise<ProducerEpoch>) {
    this.newId = newId;
  }

  /**
   * The epoch to write a batch in; `leave` must follow. Waits while the epoch is about to change. Throws what the
   * server says where there is no id to be had, and the signal's reason.
   */
  async enter(signal: AbortSignal): Promise<ProducerEpoch> {
    for (;;) {
      signal.throwIfAborted();
      if (this.bumpWanted) {
        await orAborted(this.changing.promise, signal);
      } else if (this.current === undefined) {
        this.loading ??= this.load();
        await orAborted(this.loading, signal);
      } else {
        this.underWay++;
        return this.current;
      }
    }
  }

  leave(): void {
    this.underWay--;
    if (this.bumpWanted && this.underWay === 0) this.bump();
  }

  /** Begins a new epoch as soon as no batch is under way. The caller's own is, until it leaves. */
  wantNewEpoch(): void {
    this.bumpWanted = true;
  }

  private bump(): void {
    const { current } = this;
    this.bumpWanted = false;
    // Kafka's producers number their epochs themselves; after the last there is another id (KIP-360).
    const spent = current === undefined || current.epoch === PRODUCER_EPOCH_MAX;
    this.current = spent ? undefined : { producerId: current.producerId, epoch: current.epoch + 1 };
    this.changing.resolve();
    this.changing = Promise.withResolvers();
  }

  private async load(): Promise<void> {
    try {
      this.current = await this.newId();
    } finally {
      this.loading = undefined;
    }
  }
}
