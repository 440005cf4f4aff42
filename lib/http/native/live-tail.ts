/**
 * A live tail: records as server-sent events, each with its offset as the event's id.
 *
 * A door that can stream keeps the answer open and sends what comes, until one of: the client goes away, `max_records`
 * or `max_bytes` are used up, `wait_ms` pass without a record, a tail's longest life is over, the process drains. But
 * for the first each is a clean end, with `retry:` before it: the client comes back with `Last-Event-ID` and misses
 * nothing. A fault in the middle is told by an event `problem`. The next records are fetched when the client has taken
 * the ones before, so a slow client costs the memory of one fetch. A door that cannot stream answers one long poll in
 * the same form.
 */
import { type FetchPosition, type FetchRecordsResult, fetchRecords } from '../../broker/fetch/fetch.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { typedAnswer } from '../answer.ts';
import { type Door, reportBug } from '../door.ts';
import { EVENTS_TYPE } from '../media-type.ts';
import { malformedField, problemOf } from '../problems.ts';
import { type FetchCall, fetchRequest, positionOf, waitingFor } from './fetch-request.ts';
import { renderRecords } from './render-records.ts';

/** Around a record's JSON, with the longest offset. */
const EVENT_FRAME_BYTES = 'id: \ndata: \n\n'.length + 16;

const RETRY = `retry: ${requestLimits.retryAfterMsDefault}\n\n`;
const HEARTBEAT = ': nothing new\n\n';

export async function liveTail(door: Door, call: FetchCall): Promise<Response> {
  const position = startOf(call);
  if (!door.options.streaming) return longPoll(door, call, position);
  const tail = new LiveTail(door, call);
  const first = await tail.begin(position);
  if (call.context.req.method === 'HEAD') {
    tail.end();
    return typedAnswer(null, EVENTS_TYPE);
  }
  const encoder = new TextEncoder();
  let text: string | undefined = first;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        text ??= await tail.next();
        if (text === undefined) return controller.close();
        controller.enqueue(encoder.encode(text));
        text = undefined;
      },
      cancel: () => tail.end(),
    },
    { highWaterMark: 0 },
  );
  return typedAnswer(stream, EVENTS_TYPE, { headers: { 'X-Accel-Buffering': 'no' } });
}

/** After the event that the client saw last, or where the query string says. */
function startOf(call: FetchCall): FetchPosition {
  const lastId = call.context.req.header('last-event-id') ?? '';
  if (lastId === '') return positionOf(call);
  const offset = Number(lastId) + 1;
  if (!/^\d{1,16}$/.test(lastId) || !Number.isSafeInteger(offset)) {
    throw malformedField('Last-Event-ID', 'must be the offset of a record');
  }
  return { at: 'offset', offset };
}

async function longPoll(door: Door, call: FetchCall, position: FetchPosition): Promise<Response> {
  const request = fetchRequest(call, position);
  const waitMs = call.context.req.method === 'HEAD' ? 0 : (call.query.wait_ms ?? requestLimits.fetchWaitMsMax);
  const result = await waitingFor(door, call, waitMs, (signal) =>
    fetchRecords(door.options.broker, { ...request, waitMs, signal }),
  );
  return typedAnswer(eventsOf(result, call, request.maxBytes).text + RETRY, EVENTS_TYPE);
}

function eventsOf(result: FetchRecordsResult, { query }: FetchCall, bytesMax: number) {
  const rendered = renderRecords(result.records, {
    encoding: query.encoding ?? 'utf8',
    bytesMax,
    frameBytes: EVENT_FRAME_BYTES,
    nextOffset: result.nextOffset,
  });
  let text = '';
  let passed = result.offset;
  for (const [index, json] of rendered.texts.entries()) {
    const { offset } = result.records[index] as { offset: number };
    text += `id: ${offset}\ndata: ${json}\n\n`;
    passed = offset + 1;
  }
  // What was lost is passed over. An id without data is no event, and is what the client comes back with.
  if (rendered.nextOffset > passed) text += `id: ${rendered.nextOffset - 1}\n\n`;
  return { ...rendered, text };
}

class LiveTail {
  private readonly door: Door;
  private readonly call: FetchCall;
  private readonly ended = new AbortController();
  private readonly signal: AbortSignal;
  private leave: () => void = () => {};
  private offset = 0;
  private recordsLeft: number;
  private bytesLeft: number;
  /** By the monotonic clock. */
  private endsAtMs = 0;
  private silentSinceMs = 0;
  private sent = false;
  private over = false;

  constructor(door: Door, call: FetchCall) {
    this.door = door;
    this.call = call;
    this.recordsLeft = call.query.max_records ?? Number.POSITIVE_INFINITY;
    this.bytesLeft = call.query.max_bytes ?? Number.POSITIVE_INFINITY;
    const { draining } = door.options;
    const signals = [this.ended.signal, call.context.req.raw.signal];
    this.signal = AbortSignal.any(draining === undefined ? signals : [...signals, draining]);
  }

  /** What is there already. Faults are still the answer's own; after this they are events. */
  async begin(position: FetchPosition): Promise<string> {
    this.leave = this.door.waiting.enter();
    const { clock, liveTailMsMax = requestLimits.liveTailMsMax } = this.door.options;
    this.silentSinceMs = clock.monotonic();
    this.endsAtMs = this.silentSinceMs + liveTailMsMax;
    try {
      return RETRY + (await this.fetch(position, 0));
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** The next piece of the stream; `undefined` after the last. */
  async next(): Promise<string | undefined> {
    if (this.over) return undefined;
    try {
      const waitMs = this.waitMs();
      if (waitMs <= 0 || this.recordsLeft <= 0 || this.bytesLeft <= 0 || this.signal.aborted) return this.last(RETRY);
      return (await this.fetch({ at: 'offset', offset: this.offset }, waitMs)) || HEARTBEAT;
    } catch (error) {
      const problem =
        error instanceof MillraceError ? problemOf(error) : reportBug(error, this.call.context, this.door.options);
      return this.last(`event: problem\ndata: ${JSON.stringify(problem)}\n\n`);
    }
  }

  end(): void {
    this.over = true;
    this.ended.abort();
    this.leave();
  }

  private last(text: string): string {
    this.end();
    return text;
  }

  private waitMs(): number {
    const nowMs = this.door.options.clock.monotonic();
    const silenceMs = this.call.query.wait_ms ?? Number.POSITIVE_INFINITY;
    return Math.min(requestLimits.liveTailHeartbeatMs, this.endsAtMs - nowMs, this.silentSinceMs + silenceMs - nowMs);
  }

  private async fetch(position: FetchPosition, waitMs: number): Promise<string> {
    const { broker, clock } = this.door.options;
    const maxBytes = Math.min(this.bytesLeft, requestLimits.fetchBytesDefault);
    const result = await fetchRecords(broker, {
      ...fetchRequest(this.call, position),
      maxRecords: Math.min(this.recordsLeft, requestLimits.fetchRecordsDefault),
      maxBytes,
      waitMs,
      signal: this.signal,
    });
    const { text, texts, bytes, nextOffset } = eventsOf(result, this.call, maxBytes);
    // One record is sent in any case, but of the whole stream, not of every piece of it.
    const full = this.sent && bytes > this.bytesLeft;
    this.bytesLeft -= bytes;
    if (full) return '';
    this.offset = nextOffset;
    this.recordsLeft -= texts.length;
    if (texts.length > 0) {
      this.sent = true;
      this.silentSinceMs = clock.monotonic();
    }
    return text;
  }
}
