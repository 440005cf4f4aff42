/**
 * Produce by lines of JSON (NDJSON): one record a line, and in the answer one line of outcome per record.
 *
 * Lines are written in groups: all that have arrived while the group before was under way. Where the body has ended by
 * the time the first group is written, the answer is as for JSON, with its status. Otherwise a door that can stream
 * begins its answer there, and lines that fail later show it in their own outcome only. A line that is no record fails
 * by itself. What ends the whole body early (too long, too slow) is said in one last line, `{"error":…}`.
 */
import { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import { type ProduceRecord, produceRecords, type RecordOutcome } from '../../broker/produce/produce.ts';
import type { KeylessPlace } from '../../coordination/producers/partitioner.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { requestLimits } from '../../kernel/limits/requests.ts';
import { typedAnswer } from '../answer.ts';
import { ArrivingBody } from '../arriving-body.ts';
import { ClientGoneError, contentEncoding, readBody } from '../body.ts';
import { type Door, type DoorEnv, reportBug } from '../door.ts';
import { NDJSON_TYPE } from '../media-type.ts';
import { malformedField, problemOf } from '../problems.ts';
import { type Line, LineSplitter } from './line-splitter.ts';
import { bodySource } from './mount.ts';
import { duplicateHeaders, outcomeText, statusOf } from './produce-answer.ts';
import { recordMessages } from './produce-routes.ts';
import { type ProduceTarget, requireSamePartition } from './produce-target.ts';
import { parseRecordLine } from './record-parser.ts';

export async function produceLines(door: Door, context: Context<DoorEnv>, target: ProduceTarget): Promise<Response> {
  const source = bodySource(door, context);
  const writer = new LineWriter(door, target);
  const encoded = contentEncoding(context.req.header('content-encoding')) !== 'identity';
  const together = encoded || isAllOrNothing(target);
  if (together || !door.options.streaming || !(source.incoming instanceof IncomingMessage)) {
    return wholeAnswer(await writer.write(await readBody(source), true));
  }
  const body = new ArrivingBody(source.incoming, source.deadlines);
  let first: RecordOutcome[] = [];
  while (first.length === 0 && !body.drained) first = await writer.write(await body.take(), body.drained);
  if (body.drained) return wholeAnswer([...first, ...(await writer.end())]);
  const status = firstStatus(first, body);
  return typedAnswer(streamedOutcomes({ door, context, body, writer, first }), NDJSON_TYPE, { status });
}

/** What depends on an offset or a sequence is written together or not at all, so the lines must be there together. */
function isAllOrNothing({ expectedOffset, producer }: ProduceTarget): boolean {
  return expectedOffset !== undefined || producer !== undefined;
}

function wholeAnswer(outcomes: readonly RecordOutcome[]): Response {
  if (outcomes.length === 0) throw malformedField('', recordMessages.lines);
  const status = statusOf(outcomes);
  return typedAnswer(linesOf(outcomes), NDJSON_TYPE, { status, headers: duplicateHeaders(outcomes) });
}

/** Where all of the first group failed for one reason that is the answer, and the rest is not read. */
function firstStatus(first: readonly RecordOutcome[], body: ArrivingBody): number {
  try {
    return statusOf(first);
  } catch (error) {
    body.close();
    throw error;
  }
}

function linesOf(outcomes: readonly RecordOutcome[]): string {
  let text = '';
  for (const outcome of outcomes) text += `${outcomeText(outcome)}\n`;
  return text;
}

interface Streamed {
  door: Door;
  context: Context<DoorEnv>;
  body: ArrivingBody;
  writer: LineWriter;
  first: RecordOutcome[];
}

/** Outcomes are queued without waiting for the client to read them: there are at most `recordsPerRequestMax`. */
function streamedOutcomes({ door, context, body, writer, first }: Streamed): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const pump = async (say: (text: string) => void) => {
    try {
      say(linesOf(first));
      while (!body.drained) say(linesOf(await writer.write(await body.take(), false)));
      say(linesOf(await writer.end()));
    } catch (error) {
      body.close();
      if (error instanceof ClientGoneError) return;
      const problem = error instanceof MillraceError ? problemOf(error) : reportBug(error, context, door.options);
      say(`${JSON.stringify({ error: problem })}\n`);
    }
  };
  let open = true;
  return new ReadableStream({
    start: (controller) => {
      const say = (text: string) => {
        if (open && text !== '') controller.enqueue(encoder.encode(text));
      };
      void pump(say).then(() => {
        if (open) controller.close();
      });
    },
    cancel: () => {
      open = false;
      body.close();
    },
  });
}

/** Writes lines as they come, keeping what holds for the request as a whole. */
class LineWriter {
  private readonly door: Door;
  private readonly target: ProduceTarget;
  private readonly splitter = new LineSplitter();
  private lines = 0;
  private readonly keyless: KeylessPlace = {};

  constructor(door: Door, target: ProduceTarget) {
    this.door = door;
    this.target = target;
  }

  /** Writes the lines that end in these bytes (and, with `last`, the one that ends with them). */
  async write(bytes: Uint8Array, last: boolean): Promise<RecordOutcome[]> {
    const lines = this.splitter.push(bytes);
    if (last) lines.push(...this.splitter.finish());
    return this.writeLines(lines);
  }

  /** Writes the line that has not ended, where there is one. */
  async end(): Promise<RecordOutcome[]> {
    return this.writeLines(this.splitter.finish());
  }

  private async writeLines(lines: readonly Line[]): Promise<RecordOutcome[]> {
    if (lines.length === 0) return [];
    this.lines += lines.length;
    if (this.lines > requestLimits.recordsPerRequestMax) {
      throw new MillraceError(
        'REQUEST_TOO_LARGE',
        `A request has at most ${requestLimits.recordsPerRequestMax} records.`,
      );
    }
    const parsed = lines.map((line) => this.parse(line));
    const records = parsed.filter((result): result is ProduceRecord => !(result instanceof MillraceError));
    const written = (records.length === 0 ? [] : await this.produce(records)).values();
    return parsed.map((result) =>
      result instanceof MillraceError ? { outcome: 'failed', error: result } : (written.next().value as RecordOutcome),
    );
  }

  /** The record, or why the line is none. Where it is all or nothing, one bad line refuses all. */
  private parse(line: Line): ProduceRecord | MillraceError {
    const { partition } = this.target;
    try {
      const record = parseRecordLine(line.bytes);
      if (partition !== undefined) {
        requireSamePartition(record, partition, 'partition');
        record.partition = partition;
      }
      return record;
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      const { code, message, facts } = error;
      const fault = new MillraceError(code, `Line ${line.number}: ${message}`, { facts });
      if (isAllOrNothing(this.target)) throw fault;
      return fault;
    }
  }

  private async produce(records: ProduceRecord[]): Promise<RecordOutcome[]> {
    const { topic, acks = 'all', expectedOffset, producer } = this.target;
    const { keyless } = this;
    try {
      const request = { topic, records, acks, expectedOffset, producer, keyless };
      return await produceRecords(this.door.options.broker, request);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      return records.map(() => ({ outcome: 'failed', error }));
    }
  }
}
