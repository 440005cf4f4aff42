/**
 * Which producers of a ledger have their sequences in its head.
 *
 * A producer has one home, the head or an item of its own. The head is what every commit writes and pays for, so it
 * holds few and small ones: those that append now. A producer that comes anew gets a place where one is free, or where
 * the one that has not appended for longest has not done so for a while; otherwise it stays in its own item, and its
 * appends cost a second item each. So however many producers append in turn, they do not push each other in and out.
 */
import { producerLimits } from '../../kernel/limits/producers.ts';

export interface Homes {
  /** Those in the head, with their bytes there (name included) and when they last appended. */
  inHead: ReadonlyMap<string, { bytes: number; lastMs: number }>;
  /** The producers of this commit, with their bytes after it. */
  appending: ReadonlyMap<string, number>;
  nowMs: number;
  expirationMs: number;
}

export interface HomesAfter {
  /** Those of the commit that are in the head after it; the others are in their own items. */
  stay: ReadonlySet<string>;
  /** Moved from the head into their own items. */
  out: readonly string[];
  /** Expired, and dropped from the head. */
  forgotten: readonly string[];
}

export function settleHomes({ inHead, appending, nowMs, expirationMs }: Homes): HomesAfter {
  const stay = new Set<string>();
  const out: string[] = [];
  const forgotten: string[] = [];
  // Those that don't append in this commit, the ones that have not for longest first.
  const others = [...inHead].filter(([key]) => !appending.has(key)).sort(([, a], [, b]) => a.lastMs - b.lastMs);
  let count = others.length;
  let bytes = others.reduce((sum, [, entry]) => sum + entry.bytes, 0);
  const leave = (into: string[]) => {
    const [key, entry] = others.shift() as (typeof others)[number];
    into.push(key);
    count--;
    bytes -= entry.bytes;
  };
  while (others[0] !== undefined && nowMs - others[0][1].lastMs >= expirationMs) leave(forgotten);
  const fits = (more: number) =>
    count < producerLimits.producersInHeadMax && bytes + more <= producerLimits.producerBytesInHeadMax;
  const enter = (key: string, size: number) => {
    stay.add(key);
    count++;
    bytes += size;
  };
  // Those at home in the head first: they have a place unless they have grown too large, or others have beside them.
  for (const [key, size] of appending) {
    if (!inHead.has(key)) continue;
    while (!fits(size) && others.length > 0 && size <= producerLimits.producerBytesInHeadMax / 2) leave(out);
    if (fits(size)) enter(key, size);
  }
  for (const [key, size] of appending) {
    if (inHead.has(key)) continue;
    while (
      !fits(size) &&
      others[0] !== undefined &&
      nowMs - others[0][1].lastMs >= producerLimits.producerIdleInHeadMs
    ) {
      leave(out);
    }
    if (fits(size)) enter(key, size);
  }
  return { stay, out, forgotten };
}
