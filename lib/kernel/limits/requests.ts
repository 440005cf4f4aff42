import { KIB, MIB } from './sizes.ts';

/** Requests and answers on every door. */
export const requestLimits = {
  /** A request's body on every door, after inflation. */
  requestBodyBytesMax: 4 * MIB,
  /** A body's buffer is made this large on a mere announcement; one that claims more has to send some of it first. */
  announcedBodyBytesTrusted: 1_280 * KIB,
  /** How deep a JSON body may nest. */
  jsonDepthMax: 64,
  /** Records in one produce request. */
  recordsPerRequestMax: 10_000,
  headersPerRecordMax: 100,
  /** The answer of one fetch, by its serialized size. */
  fetchBytesMax: 4 * MIB,
  fetchBytesDefault: MIB,
  fetchRecordsMax: 10_000,
  fetchRecordsDefault: 500,
  fetchWaitMsMax: 20_000,
  /** Long polls and live tails that one process holds at a time; the next one is answered 429. */
  waitingRequestsMax: 1_000,
  /** Requests of one connection that wait behind the one being answered; with one more the connection is closed. */
  pipelinedRequestsMax: 1_000,
  /** How long a request's body may take to arrive. */
  requestBodyMsMax: 25_000,
  /** How often the bodies under way are looked at: one may be cut off this much later than its time. */
  requestBodyCheckMs: 500,
  /** How long a request's head may take to arrive. */
  requestHeadersMsMax: 10_000,
  /** How often Node looks for heads that are late. */
  requestHeadersCheckMs: 1_000,
  /** How long a connection is kept without a request: longer than load balancers wait, so that it is they who close. */
  keepAliveMs: 65_000,
  /** All headers of a request together; Node's own default. */
  requestHeaderBytesMax: 16 * KIB,
  /** How long one live tail (server-sent events) lasts where the platform sets no earlier end; the client resumes. */
  liveTailMsMax: 15 * 60 * 1_000,
  /** A silent live tail says that it is alive this often. */
  liveTailHeartbeatMs: 15_000,
  /**
   * What `Retry-After` says where the fault does not know better, and what a live tail asks for between two
   * connections.
   */
  retryAfterMsDefault: 1_000,
  listPageMax: 1_000,
  listPageDefault: 100,
  /** Pages that are put together where a list has to come as a whole (the REST dialect's topics). */
  wholeListPagesMax: 100,
} as const;
