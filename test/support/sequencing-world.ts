/** A writer under scripted faults beside another process without any, over the same stores. */
import assert from 'node:assert/strict';
import { runOf } from '../../lib/broker/append/accept-batches.ts';
import type { MillraceError } from '../../lib/kernel/errors.ts';
import type { LedgerId } from '../../lib/kernel/ids.ts';
import type { Changes } from '../../lib/kernel/items.ts';
import { produceLimits } from '../../lib/kernel/limits/produce.ts';
import { headKey } from '../../lib/log/ledger/head.ts';
import type { WriteResult } from '../../lib/storage/metadata/port.ts';
import { batchOf, makeBroker, makeStores, makeTopic, type Process, runsOf, type Stores } from './broker.ts';

export interface World {
  stores: Stores;
  /** The process under test. */
  writer: Process;
  /** Another one, without faults. */
  other: Process;
  ledger: LedgerId;
}

/** The writer has appended once (offset 0), so that it knows a head. */
export async function makeWorld(): Promise<World> {
  const stores = makeStores();
  const { ledger, ...writer } = await makeTopic({ stores });
  await append(writer, ledger);
  writer.metadata.forget();
  return { stores, writer, other: makeBroker({ stores }), ledger };
}

export function append({ broker }: Process, ledger: LedgerId, expectedOffset?: number): Promise<number> {
  const deadlineMs = broker.clock.monotonic() + produceLimits.produceDeadlineMs;
  return broker.appender.append({ ledger, slot: 0, run: runOf([batchOf('v')]), expectedOffset, deadlineMs });
}

/** What the promise is rejected with, however long that takes. */
export async function failure(
  { writer }: World,
  promise: Promise<unknown>,
): Promise<{ error: MillraceError; tookMs: number }> {
  const caught = promise.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: MillraceError) => error,
  );
  const tookMs = await writer.clock.until(caught);
  return { error: await caught, tookMs };
}

export async function sealBy({ other, ledger }: World, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await append(other, ledger);
    await other.broker.sealer.seal(ledger);
  }
}

export function change({ stores, ledger }: World, changes: Changes): Promise<WriteResult> {
  return stores.metadata.write([{ kind: 'update', key: headKey(ledger), changes: { add: { v: 1 }, ...changes } }]);
}

export type Proceed = () => Promise<WriteResult>;

/** What happens to the writer's appends, one after the other; those after the last script pass. Seals always pass. */
export function script(
  { writer }: World,
  ...scripts: ((proceed: Proceed) => Promise<WriteResult>)[]
): { appends: () => number } {
  let appends = 0;
  writer.metadata.onWrite = (proceed, [write]) => {
    if (write?.kind !== 'update' || write.changes.append === undefined) return proceed();
    return scripts[appends++]?.(proceed) ?? proceed();
  };
  return { appends: () => appends };
}

/** The offsets that the slot's commits have, which must be dense, one record each. */
export async function offsets({ stores, ledger }: World): Promise<number[]> {
  const runs = await runsOf(stores.metadata, ledger, 0);
  const bases = runs.map(({ baseOffset }) => baseOffset);
  assert.deepEqual(
    bases,
    bases.map((_, index) => index),
  );
  return bases;
}
