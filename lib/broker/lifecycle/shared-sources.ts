/**
 * Reading what several ledgers have in the same objects, for merging one ledger after the other: an object is read
 * once, as a whole, and kept on disk for the next ledger. S3 bills a read at 8 % of the put that made the object,
 * whatever it reads.
 *
 * A step of merging goes over so much of such objects at most that they are all still there when the next ledger's step
 * begins with the same ones.
 */
import { releaseBytes } from '../../kernel/bytes.ts';
import { mergingLimits } from '../../kernel/limits/merging.ts';
import type { KeptObjects } from '../../storage/objects/kept-objects.ts';
import type { ByteRange, ObjectName, ObjectStore } from '../../storage/objects/port.ts';

type Reading = Pick<ObjectStore, 'getRange'>;

export class SharedSources {
  private readonly kept: KeptObjects;
  private readonly inFlight = new Set<Promise<unknown>>();
  /** Objects that the step has gone over, their bytes, and those that are being read. */
  private objects = 0;
  private bytes = 0;
  private under = 0;
  private isOver = false;

  constructor(kept: KeptObjects) {
    this.kept = kept;
  }

  /** To be called where a step begins. */
  begin(): void {
    [this.objects, this.bytes, this.isOver] = [0, 0, false];
  }

  /**
   * Whether the step will have gone over as much as it should, once what is being read is here; and so until the next
   * begins.
   */
  hasEnough(): boolean {
    const expected = this.objects === 0 ? 0 : this.bytes + (this.under * this.bytes) / this.objects;
    this.isOver ||= expected >= (this.kept.bytesMax * mergingLimits.mergeSharedPercent) / 100;
    return this.isOver;
  }

  /**
   * Objects of which only little is asked for are not worth reading as a whole: they are read as they are asked for.
   */
  over(objects: Reading): Reading {
    return {
      getRange: async (name, range) => {
        this.under++;
        try {
          return await this.getRange(objects, name, range);
        } finally {
          this.under--;
        }
      },
    };
  }

  private async getRange(objects: Reading, name: ObjectName, range?: ByteRange): Promise<Uint8Array | undefined> {
    if (range === undefined) return objects.getRange(name);
    const known = await this.kept.read(name, range);
    if (known !== undefined) {
      this.pass(known.objectBytes);
      return known.bytes;
    }
    if (range.end - range.start < mergingLimits.mergeSharedBytesMin) return objects.getRange(name, range);
    while (this.inFlight.size >= mergingLimits.mergeSharedReadsInFlightMax) await Promise.race(this.inFlight);
    const reading = this.readWhole(objects, name, range);
    const settled: Promise<unknown> = reading
      .catch(() => {}) // its caller hears of it
      .finally(() => this.inFlight.delete(settled));
    this.inFlight.add(settled);
    return reading;
  }

  private async readWhole(objects: Reading, name: ObjectName, range: ByteRange): Promise<Uint8Array | undefined> {
    const whole = await objects.getRange(name);
    if (whole === undefined) return undefined;
    this.pass(whole.length);
    await this.kept.keep(name, whole);
    const bytes = whole.slice(range.start, range.end);
    releaseBytes(whole);
    return bytes;
  }

  private pass(bytes: number): void {
    this.objects++;
    this.bytes += bytes;
  }
}
