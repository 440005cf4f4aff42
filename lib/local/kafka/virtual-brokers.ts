/**
 * The virtual brokers of a local server: where each listens, on ports next to each other, and where clients are told
 * that it is. What they are told must be an address: that of all of a machine's interfaces is none, so in its place
 * they get the machine's name, as Kafka has it.
 */
import { isIP } from 'node:net';
import type { VirtualBroker } from '../../kafka/cluster.ts';

/** Where clients reach a virtual broker. */
export interface AdvertisedAddress {
  host: string;
  /** Where it listens, if absent. */
  port?: number;
}

export interface VirtualBrokersOptions {
  /** Where all listen. */
  host: string;
  /** Of the first; 0 takes a free one for each. */
  port: number;
  brokers: number;
  /**
   * Of the first, where others beside this process are brokers of the same cluster; the others have those after it.
   * Absent: nobody else is.
   */
  nodeId?: number;
  /** One of each; or a single one, with ports that count up as those that are listened on do. */
  advertised?: readonly AdvertisedAddress[];
  /** One of each, or one for all. */
  racks?: readonly string[];
}

/** Each with the port that it is to listen on; `advertisedPort` says what becomes of that when it does. */
export function virtualBrokers(options: VirtualBrokersOptions, machine: string): VirtualBroker[] {
  const { host, port, brokers, nodeId = 1, racks = [] } = options;
  return Array.from({ length: brokers }, (_, index) => ({
    nodeId: nodeId + index,
    host: addressOf(options, index).host ?? (isAnyAddress(host) ? machine : host),
    port: port === 0 ? 0 : port + index,
    rack: racks[racks.length === 1 ? 0 : index] ?? null,
  }));
}

/** What clients are told of the broker that listens on `port`. */
export function advertisedPort(options: VirtualBrokersOptions, index: number, port: number): number {
  return addressOf(options, index).port ?? port;
}

/** `host`, `host:port`, `[IPv6]` or `[IPv6]:port`; `undefined` for anything else. */
export function parseAdvertised(text: string): AdvertisedAddress | undefined {
  const [, six, four, digits] = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]/@]+))(?::([0-9]{1,5}))?$/i.exec(text) ?? [];
  const host = six ?? four;
  if (host === undefined || isAnyAddress(host) || (six !== undefined && isIP(six) !== 6)) return undefined;
  if (digits === undefined) return { host };
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

function addressOf({ advertised = [] }: VirtualBrokersOptions, index: number): Partial<AdvertisedAddress> {
  const [only] = advertised;
  if (advertised.length !== 1 || only === undefined) return advertised[index] ?? {};
  return only.port === undefined ? only : { host: only.host, port: only.port + index };
}

/** All of a machine's interfaces: somewhere to listen, nowhere to connect to. */
function isAnyAddress(host: string): boolean {
  if (isIP(host) === 4) return host === '0.0.0.0';
  return isIP(host) === 6 && /^[0:]+(?:ffff:0\.0\.0\.0)?$/i.test(host);
}
