/** Addresses of IPv4 and IPv6 (RFC 4291 § 2.2) and ranges of them in the notation of CIDR. */

export interface IpRange {
  contains(address: string): boolean;
}

/** The range, or `undefined` where the text is none. Bits beyond the prefix are ignored. */
export function parseIpRange(text: string): IpRange | undefined {
  const [address = '', bits = '', ...others] = text.split('/');
  if (others.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined;
  const base = parseIp(address);
  const length = Number(bits);
  if (base === undefined || length > base.length * 8) return undefined;
  return {
    contains: (text) => {
      const candidate = parseIp(text);
      return candidate !== undefined && candidate.length === base.length && samePrefix(base, candidate, length);
    },
  };
}

function samePrefix(a: readonly number[], b: readonly number[], bits: number): boolean {
  for (let index = 0; index * 8 < bits; index++) {
    const mask = 0xff00 >> Math.min(8, bits - index * 8);
    if ((((a[index] as number) ^ (b[index] as number)) & mask & 0xff) !== 0) return false;
  }
  return true;
}

/** Longest text of an IPv6 address: eight groups, or six and an IPv4 address. */
const ADDRESS_LENGTH_MAX = 45;

/** 4 or 16 bytes, or `undefined` where the text is no address. */
function parseIp(text: string): number[] | undefined {
  if (text.length > ADDRESS_LENGTH_MAX) return undefined;
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : Number.NaN));
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseIpv6(text: string): number[] | undefined {
  const [left = '', right, ...others] = text.split('::');
  if (others.length > 0) return undefined;
  const head = parseGroups(left, right === undefined);
  const tail = parseGroups(right ?? '', true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // `::` stands for at least one group.
  if (right === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

/** The last group may be an IPv4 address where it ends the whole. */
function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    if (last && index === groups.length - 1 && group.includes('.')) {
      const embedded = parseIpv4(group);
      if (embedded === undefined) return undefined;
      bytes.push(...embedded);
      continue;
    }
    if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined;
    const value = Number.parseInt(group, 16);
    bytes.push(value >> 8, value & 0xff);
  }
  return bytes;
}
