/** What the items of the model's ledger hold: as the real ones, with small commits that can be read at a glance. */
import assert from 'node:assert/strict';
import type { LedgerView, TailCommit } from '../../lib/coordination/replication/ledger-view.ts';
import { decodeReplication } from '../../lib/coordination/replication/replica-state.ts';
import type { Attributes, ItemKey, Write } from '../../lib/kernel/items.ts';

export const HEAD: ItemKey = { pk: 'ledger#t#0', sk: 'head' };
export const SLOTS = 16;
/** Fewer than the real head's, so that ids are forgotten within a short schedule. */
export const SEALS_REMEMBERED = 2;

export interface ModelCommit {
  object: number;
  holders: number;
  inline: boolean;
  slot: number;
  records: number;
}

export function viewOf(attributes: Attributes): LedgerView {
  const replication = decodeReplication(attributes);
  assert(replication !== undefined);
  return {
    ...replication,
    key: HEAD,
    version: attributes.v as number,
    epoch: attributes.e as number,
    isrVersion: attributes.i as number,
    next: Array.from({ length: SLOTS }, (_, slot) => (attributes[`n${slot}`] as number | undefined) ?? 0),
    recent: attributes.r as Uint8Array[],
    tail: (attributes.t as Uint8Array[]).map((packed) => {
      const { object, holders, inline, slot, records } = unpack({ packed });
      return { packed, id: idOf(object), holders, inline, runs: [{ slot, records, bytes: records }] };
    }),
  };
}

export function pack({ object, inline, slot, records }: Omit<ModelCommit, 'holders'>, holders: number): Uint8Array {
  return Uint8Array.of(object >> 8, object & 255, holders, inline ? 1 : 0, slot, records);
}

export function unpack({ packed }: Pick<TailCommit, 'packed'>): ModelCommit {
  const [high = 0, low = 0, holders = 0, inline, slot = 0, records = 0] = packed;
  return { object: high * 256 + low, holders, inline: inline === 1, slot, records };
}

export function idOf(object: number): Uint8Array {
  return Uint8Array.of(object >> 8, object & 255);
}

export function pageKey(sequence: number): ItemKey {
  return { pk: HEAD.pk, sk: `page#${sequence}` };
}

/** The trim of the head by the page of its next number, as lib/log/ledger/seal.ts plans it. */
export function planTrim(head: Attributes, page: readonly Uint8Array[]): Write {
  const remembered = [...(head.c as number[]), page.length];
  const forgotten = remembered.length > SEALS_REMEMBERED ? (remembered.shift() as number) : 0;
  return {
    kind: 'update',
    key: HEAD,
    changes: {
      set: { c: remembered },
      add: { x: 1, v: 1, g: page.length },
      dropFirst: forgotten > 0 ? { t: page.length, r: forgotten } : { t: page.length },
    },
    conditions: [{ clause: 'equals', attribute: 'x', value: head.x as number }],
  };
}
