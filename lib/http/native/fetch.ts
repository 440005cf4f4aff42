/** Fetch over HTTP: JSON, lines, live tails, and record batches as they are stored. Offsets and plans beside it. */
import { Buffer } from 'node:buffer';
import { type FetchRecordsResult, fetchBatches, fetchRecords } from '../../broker/fetch/fetch.ts';
import { listOffsets } from '../../broker/fetch/list-offsets.ts';
import { type PlannedSegment, planFetch } from '../../broker/fetch/plan-fetch.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { jsonAnswer, typedAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { BATCHES_TYPE, EVENTS_TYPE, JSON_TYPE, NDJSON_TYPE, negotiate } from '../media-type.ts';
import { malformedField } from '../problems.ts';
import { type FetchCall, fetchRequest, positionOf, waitingFor } from './fetch-request.ts';
import { fetchRoute, listOffsetsRoute, planRoute } from './fetch-routes.ts';
import { liveTail } from './live-tail.ts';
import { mount } from './mount.ts';
import { rackOf } from './rack-header.ts';
import { type RenderOptions, renderRecords } from './render-records.ts';

/** What a JSON answer has around its records, with the longest offsets there are. */
const ENVELOPE_BYTES = '{"records":[],"next_offset":,"high_watermark":,"log_start_offset":}'.length + 3 * 16;

export function mountFetch(door: Door): void {
  const { broker } = door.options;

  mount(door, fetchRoute, async (call) => {
    switch (negotiate(call.context.req.header('accept'), [JSON_TYPE, NDJSON_TYPE, EVENTS_TYPE, BATCHES_TYPE])) {
      case JSON_TYPE:
        return fetchJson(door, call);
      case NDJSON_TYPE:
        return fetchLines(door, call);
      case EVENTS_TYPE:
        return liveTail(door, call);
      case BATCHES_TYPE:
        return fetchRaw(door, call);
    }
  });

  mount(door, listOffsetsRoute, async ({ params, query: { timestamp } }) => {
    const at =
      typeof timestamp === 'number' ? ({ at: 'timestamp', timestampMs: timestamp } as const) : { at: timestamp };
    const found = await listOffsets(broker, { ...params, at });
    return jsonAnswer(
      JSON.stringify({ offset: found.offset, timestamp: found.timestamp, leader_epoch: found.leaderEpoch }),
    );
  });

  mount(door, planRoute, async ({ context, params, query }) => {
    const rack = rackOf((name) => context.req.header(name));
    const { offset: from, max_bytes: maxBytes = requestLimits.fetchBytesDefault } = query;
    const end =
      from === 'earliest' || from === 'latest' ? await listOffsets(broker, { ...params, at: { at: from } }) : undefined;
    const plan = await planFetch(broker, { ...params, offset: end?.offset ?? Number(from), maxBytes, rack });
    return jsonAnswer(
      JSON.stringify({
        segments: plan.segments.map(segmentAnswer),
        next_offset: plan.nextOffset,
        expires_at: plan.expiresAtMs,
      }),
    );
  });
}

function segmentAnswer(segment: PlannedSegment) {
  const { baseOffset: base_offset, lastOffset: last_offset } = segment;
  if (segment.source === 'bytes') {
    return { batches_base64: Buffer.from(segment.batches).toString('base64'), base_offset, last_offset };
  }
  const { url, headers, bytes, crc32c, offsets } = segment;
  return { url, headers, base_offset, last_offset, bytes, crc32c, offsets };
}

async function fetchJson(door: Door, call: FetchCall): Promise<Response> {
  const { result, render } = await recordsOf(door, call, 1);
  const { texts, nextOffset } = renderRecords(result.records, {
    ...render,
    bytesMax: render.bytesMax - ENVELOPE_BYTES,
  });
  return jsonAnswer(
    `{"records":[${texts.join(',')}],"next_offset":${nextOffset},"high_watermark":${result.highWatermark},"log_start_offset":${result.logStartOffset}}`,
  );
}

async function fetchLines(door: Door, call: FetchCall): Promise<Response> {
  const { result, render } = await recordsOf(door, call, 1);
  const { texts, nextOffset } = renderRecords(result.records, render);
  const text = texts.length === 0 ? '' : `${texts.join('\n')}\n`;
  return typedAnswer(text, NDJSON_TYPE, { headers: positionHeaders(nextOffset, result.highWatermark) });
}

/** Fetches, waiting as asked, and says how the records are to be rendered. */
async function recordsOf(
  door: Door,
  call: FetchCall,
  frameBytes: number,
): Promise<{ result: FetchRecordsResult; render: RenderOptions }> {
  const request = fetchRequest(call, positionOf(call));
  const result = await waitingFor(door, call, request.waitMs, (signal) =>
    fetchRecords(door.options.broker, { ...request, signal }),
  );
  const encoding = call.query.encoding ?? 'utf8';
  return { result, render: { encoding, bytesMax: request.maxBytes, frameBytes, nextOffset: result.nextOffset } };
}

/** The chunks go out as they are stored, one after the other: joining them would copy every byte. */
async function fetchRaw(door: Door, call: FetchCall): Promise<Response> {
  for (const name of ['max_records', 'encoding'] as const) {
    if (call.query[name] !== undefined)
      throw malformedField(name, 'has no meaning for record batches, which come whole');
  }
  const request = fetchRequest(call, positionOf(call));
  const { batches, nextOffset, highWatermark } = await waitingFor(door, call, request.waitMs, (signal) =>
    fetchBatches(door.options.broker, { ...request, signal }),
  );
  const length = batches.reduce((sum, chunk) => sum + chunk.length, 0);
  const headers = { ...positionHeaders(nextOffset, highWatermark), 'Content-Length': String(length) };
  return typedAnswer(call.context.req.method === 'HEAD' ? null : chunked(batches), BATCHES_TYPE, { headers });
}

function chunked(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const rest = chunks.values();
  return new ReadableStream(
    {
      pull(controller) {
        const next = rest.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
    },
    { highWaterMark: 0 },
  );
}

function positionHeaders(nextOffset: number, highWatermark: number): Record<string, string> {
  return { 'Millrace-Next-Offset': String(nextOffset), 'Millrace-High-Watermark': String(highWatermark) };
}
