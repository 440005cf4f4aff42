/**
 * Where the client reaches this server, as far as one can know: what the operator says, else what proxies in front of
 * it say (RFC 7239, or the headers before it), else what the request was sent to. What a client says of itself only it
 * gets back.
 */
import type { Context } from 'hono';
import type { Door, DoorEnv } from '../door.ts';

/** The URI of the request without its query, as the client would write it. */
export function requestUri({ options: { advertisedUrl } }: Door, { req }: Context<DoorEnv>): string {
  const { protocol, host, pathname } = new URL(req.url);
  const prefix = req.header('x-forwarded-prefix')?.replace(/\/$/, '') ?? '';
  const path = (req.header('x-forwarded-path') ?? `${prefix}${pathname}`).replace(/\/$/, '');
  if (advertisedUrl !== undefined) return `${advertisedUrl.replace(/\/$/, '')}${pathname}`;
  const { proto, authority } = forwarded((name) => req.header(name)) ?? {
    proto: protocol.slice(0, -1),
    authority: host,
  };
  return `${proto}://${authority}${path}`;
}

interface Forwarded {
  proto: string;
  authority: string;
}

/** By the first proxy, which is the one that the client knows. Half of an answer is none. */
function forwarded(header: (name: string) => string | undefined): Forwarded | undefined {
  const standard = header('forwarded')?.split(',')[0];
  const proto =
    standard === undefined ? first(header('x-forwarded-proto')) : /(?:^|;)\s*proto="?([^;"\s]+)/i.exec(standard)?.[1];
  const authority =
    standard === undefined ? first(header('x-forwarded-host')) : /(?:^|;)\s*host="?([^;"\s]+)/i.exec(standard)?.[1];
  if (proto === undefined || authority === undefined || !/^https?$/i.test(proto)) return undefined;
  return URL.canParse(`${proto}://${authority}`) ? { proto: proto.toLowerCase(), authority } : undefined;
}

function first(list: string | undefined): string | undefined {
  const value = list?.split(',')[0]?.trim();
  return value === '' ? undefined : value;
}
