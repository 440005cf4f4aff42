/** Appending with sequences of producers, and what is in the ledger then. */
import { expect } from 'vitest';
import { runOf } from '../../lib/broker/append/accept-batches.ts';
import type { Appended } from '../../lib/broker/append/unit.ts';
import { nodeCompression } from '../../lib/broker/compression.ts';
import type { Acks } from '../../lib/coordination/replication/uploads.ts';
import { crc32c } from '../../lib/kernel/crc32c.ts';
import type { MillraceError } from '../../lib/kernel/errors.ts';
import type { LedgerId } from '../../lib/kernel/ids.ts';
import { produceLimits } from '../../lib/kernel/limits/produce.ts';
import { decodeBatch } from '../../lib/log/record-batch/decode.ts';
import { batchHeaders } from '../../lib/log/record-batch/header.ts';
import { objectName } from '../../lib/log/segment/object-name.ts';
import { batchOf, makeBroker, makeStores, makeTopic, type Process, runsOf, type Stores } from './broker.ts';

export type Writer = Process & { ledger: LedgerId };

export interface Sent {
  producer?: string;
  seq: number;
  epoch?: number;
  count?: number;
  slot?: number;
  expectedOffset?: number;
  acks?: Acks;
}

/** The key of a producer: 12 characters. */
export const keyOf = (name: string) => name.padEnd(12, '_');

export function send(process: Writer, sent: Sent): Promise<Appended> {
  const { producer = 'p', seq, epoch = 0, count = 1, slot = 0, expectedOffset, acks } = sent;
  const { appender } = process.broker;
  const values = Array.from({ length: count }, (_, i) => `${producer} ${epoch} ${slot} ${seq + i}`);
  return appender.appendOnce({
    ledger: process.ledger,
    slot,
    run: runOf([batchOf(...values)]),
    expectedOffset,
    acks,
    sequence: { producer: keyOf(producer), epoch, firstSequence: seq },
    deadlineMs: process.clock.monotonic() + produceLimits.produceDeadlineMs,
  });
}

export function plain(process: Writer, slot = 0, value = 'plain'): Promise<number> {
  const deadlineMs = process.clock.monotonic() + produceLimits.produceDeadlineMs;
  return process.broker.appender.append({ ledger: process.ledger, slot, run: runOf([batchOf(value)]), deadlineMs });
}

export async function recordsIn(process: Writer, slot = 0): Promise<number> {
  const runs = await runsOf(process.metadata, process.ledger, slot);
  return runs.reduce((sum, { baseOffset, endOffset }) => sum + endOffset - baseOffset, 0);
}

/** The values of a partition's records in the order of their offsets, read from the objects, with their checksums. */
export async function valuesIn(process: Writer, slot = 0): Promise<string[]> {
  const values: string[] = [];
  for (const run of await runsOf(process.metadata, process.ledger, slot)) {
    const name = objectName(run.commit.tier, run.commit.object);
    const range = { start: run.position, end: run.position + run.bytes };
    const bytes = (await process.objects.getRange(name, range)) as Uint8Array;
    expect(crc32c(bytes)).toBe(run.crc32c);
    for (const { position } of batchHeaders(bytes)) {
      for (const { value } of decodeBatch(bytes, position, nodeCompression)) {
        values.push(Buffer.from(value as Uint8Array).toString());
      }
    }
  }
  return values;
}

export const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: MillraceError) => error,
  );

/** Two processes over the same stores. */
export async function makeTwo(partitions = 1) {
  const stores = makeStores();
  const first = await makeTopic({ stores, partitions });
  return { stores, first, second: makeOther(stores, first) };
}

/** One more process over the same stores. */
export function makeOther(stores: Stores, { ledger }: Writer): Writer {
  return { ...makeBroker({ stores }), ledger };
}
