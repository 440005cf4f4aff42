/**
 * What a gateway of Kafka's protocol says of itself to others over the same table, one item a process, written anew with each of its beats.
 *
 * Key: `gateways` / `<node id of its first virtual broker, 10 digits>`. Attributes:
 *
 *     x   bytes   8 random bytes of the process
 *     t   number  its clock at the beat, ms
 *     b   list    of its virtual brokers: `n` node id, `h` host, `p` port, `r` rack, absent where it has none
 */
import { assert } from '../../kernel/assert.ts';
import type { Attributes, ItemKey } from '../../kernel/items.ts';

/** A broker as clients are told of it. */
export interface AnnouncedBroker {
  nodeId: number;
  host: string;
  port: number;
  rack: string | null;
}

export interface Announcement {
  process: Uint8Array;
  beatMs: number;
  /** At least one. */
  brokers: readonly AnnouncedBroker[];
}

export const GATEWAYS = 'gateways';

export function announcementKey({ brokers: [first] }: Pick<Announcement, 'brokers'>): ItemKey {
  assert(first !== undefined, 'a gateway has a broker');
  return { pk: GATEWAYS, sk: String(first.nodeId).padStart(10, '0') };
}

export function encodeAnnouncement({ process, beatMs, brokers }: Announcement): Attributes {
  const b = brokers.map(({ nodeId, host, port, rack }) => ({
    n: nodeId,
    h: host,
    p: port,
    ...(rack !== null && { r: rack }),
  }));
  return { x: process, t: beatMs, b };
}

export function decodeAnnouncement({ x, t, b }: Attributes): Announcement {
  assert(x instanceof Uint8Array && typeof t === 'number' && Array.isArray(b), 'an announcement has x, t and b');
  const brokers = b.map((broker) => {
    assert(typeof broker === 'object' && !Array.isArray(broker), 'a broker is a map');
    const { n, h, p, r = null } = broker as Attributes;
    assert(typeof n === 'number' && typeof h === 'string' && typeof p === 'number', 'a broker has n, h and p');
    assert(r === null || typeof r === 'string', 'a rack is text');
    return { nodeId: n, host: h, port: p, rack: r };
  });
  return { process: x, beatMs: t, brokers };
}
