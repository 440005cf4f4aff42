/** From a fetch's query string to the use case's request, and the waiting that all its forms share. */
import { IncomingMessage } from 'node:http';
import type { FetchPosition, FetchRecordsRequest } from '../../broker/fetch/fetch.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { ClientGoneError } from '../body.ts';
import type { Door, DoorEnv } from '../door.ts';
import { malformedField } from '../problems.ts';
import type { fetchRoute } from './fetch-routes.ts';
import type { Call } from './mount.ts';
import { rackOf } from './rack-header.ts';

export type FetchCall = Call<typeof fetchRoute.definition.params, typeof fetchRoute.definition.query>;

/** Of any route. */
type WaitingCall = Pick<FetchCall, 'context'>;

/**
 * Runs a fetch that may wait: counted among the process's waiting requests, and ended by whoever stops caring. Nothing
 * is read for a client that has gone, and nothing that was read goes on to be rendered for it.
 */
export async function waitingFor<Result>(
  door: Door,
  call: WaitingCall,
  waitMs: number,
  fetch: (signal: AbortSignal | undefined) => Promise<Result>,
): Promise<Result> {
  requireClient(call);
  const result = await (waitMs === 0 ? fetch(undefined) : counted(door, call, fetch));
  requireClient(call);
  return result;
}

async function counted<Result>(
  door: Door,
  call: WaitingCall,
  fetch: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const leave = door.waiting.enter();
  try {
    const { draining } = door.options;
    const gone = call.context.req.raw.signal;
    return await fetch(draining === undefined ? gone : AbortSignal.any([gone, draining]));
  } finally {
    leave();
  }
}

/**
 * Throws ClientGoneError. Of Node's request the socket is asked: its web `Request` is made only when one asks for it.
 */
function requireClient({ context }: WaitingCall): void {
  const incoming = (context.env as DoorEnv['Bindings'] | undefined)?.incoming;
  const gone = incoming instanceof IncomingMessage ? incoming.socket.destroyed : context.req.raw.signal.aborted;
  if (gone) throw new ClientGoneError('the client closed the connection before its answer');
}

export function fetchRequest({ context, params, query }: FetchCall, position: FetchPosition): FetchRecordsRequest {
  return {
    ...params,
    position,
    maxRecords: query.max_records ?? requestLimits.fetchRecordsDefault,
    maxBytes: query.max_bytes ?? requestLimits.fetchBytesDefault,
    minBytes: query.min_bytes ?? 1,
    waitMs: query.wait_ms ?? 0,
    rack: rackOf((name) => context.req.header(name)),
  };
}

export function positionOf({ query: { offset, timestamp } }: FetchCall): FetchPosition {
  if (offset !== undefined && timestamp !== undefined) {
    throw malformedField('timestamp', 'must not be there beside offset');
  }
  if (timestamp !== undefined) return { at: 'timestamp', timestampMs: timestamp };
  if (offset === undefined) throw malformedField('offset', 'must be there, or timestamp in its place');
  if (offset === 'earliest' || offset === 'latest') return { at: offset };
  const number = Number(offset);
  return offset.startsWith('-') ? { at: 'before-end', records: -number + 0 } : { at: 'offset', offset: number };
}
