/**
 * Transactions: `client.transaction`.
 *
 * What is sent in a transaction is collected, and goes in one request when the work is done: all of it is written, or
 * none. Nobody can see a part of it at any time, because the server gives offsets at the commit only.
 *
 * A repeated request is harmless: it carries a transactional id, an epoch and the transaction's number, and a number
 * that is committed already is answered as it was the first time. After a transaction whose outcome is unknown comes a
 * new epoch from the server, so that what may still be on its way cannot be committed behind the next one.
 */
import { toBase64Url, utf8 } from '../kernel/bytes.ts';
import { requestLimits } from '../kernel/limits/requests.ts';
import type { Random } from '../kernel/random.ts';
import type { JsonTransactionAnswer, JsonTransactionInit, JsonTransactionRequest } from './api.ts';
import { MillraceClientError } from './errors.ts';
import type { Receipt } from './producer/record.ts';
import { type NewClientRecord, recordToJson } from './records.ts';
import { type ApiAnswer, JSON_TYPE, jsonOf, type Transport } from './transport.ts';

export interface GroupOffsets {
  group: string;
  /**
   * Who has read it, as a batch's `groupOffsets()` says: then nothing is written unless the member still owns these
   * partitions, under that generation. Throws `UNKNOWN_MEMBER_ID` or `FENCED_MEMBER_EPOCH` at the commit otherwise.
   */
  member?: string;
  generation?: number;
  /** `offset` is that of the next record to read. */
  offsets: readonly { topic: string; partition: number; offset: number; metadata?: string }[];
}

export interface Transaction {
  /**
   * Adds records. Throws `REQUEST_TOO_LARGE` or `MESSAGE_TOO_LARGE`, and adds none of them, where the transaction would
   * be larger than a request may be.
   */
  send(message: { topic: string; records: readonly NewClientRecord[] }): Promise<void>;
  /** Adds offsets of one group, which are committed with the records; of a partition, the last ones count. */
  commitOffsets(offsets: GroupOffsets): void;
}

export interface TransactionOptions {
  /**
   * Default: one that only this client uses. With a name, a client takes it over when it first uses it, and whoever
   * used it before fails with `INVALID_PRODUCER_EPOCH`: of several processes with one job, only the newest can commit.
   * A key that is bound to a prefix needs a name that begins with it.
   */
  transactionalId?: string;
  signal?: AbortSignal;
}

export interface TransactionResult<Value> {
  /** What the work returned. */
  value: Value;
  /** Of all records, in the order in which they were added. */
  receipts: Receipt[];
}

/** One transactional id; its transactions are committed one after the other. */
interface Line {
  transactionalId: string;
  /** `undefined`: the server has to be asked for the next one. */
  epoch: number | undefined;
  /** Of the next transaction. */
  number: number;
  /** Settles when the newest commit has. */
  tail: Promise<unknown>;
}

const ID_BYTES = 16;
const PATH = ['v1', 'transactions'];

/** Functions that stand alone: none needs `this`. */
export interface Transactions {
  run: <Value>(
    work: (transaction: Transaction) => Value | Promise<Value>,
    options?: TransactionOptions,
  ) => Promise<TransactionResult<Value>>;
  takeOver: (transactionalId: string, options?: { signal?: AbortSignal }) => Promise<void>;
}

export function transactions(send: Transport, random: Random): Transactions {
  const lines = new Map<string, Line>();
  let own: Line | undefined;
  const lineOf = (transactionalId: string | undefined): Line => {
    // Nobody else can have this name, so that its first epoch needs no asking.
    if (transactionalId === undefined) return (own ??= newLine(toBase64Url(random.bytes(ID_BYTES)), 0));
    const line = lines.get(transactionalId) ?? newLine(transactionalId, undefined);
    lines.set(transactionalId, line);
    return line;
  };
  /** After everything of the line that was begun before. */
  const inLine = <Result>(line: Line, step: () => Promise<Result>): Promise<Result> => {
    const done = line.tail.then(step);
    line.tail = done.catch(() => {});
    return done;
  };
  return {
    async run(work, options = {}) {
      const line = lineOf(options.transactionalId);
      const collected = new CollectedTransaction();
      let value: Awaited<ReturnType<typeof work>>;
      try {
        value = await work(collected);
      } finally {
        collected.ended = true;
      }
      if (collected.isEmpty) return { value, receipts: [] };
      return { value, receipts: await inLine(line, () => commitIn(line, collected, send, options.signal)) };
    },
    async takeOver(transactionalId, { signal } = {}) {
      const line = lineOf(transactionalId);
      await inLine(line, async () => {
        beginAnew(line);
        line.epoch = await nextEpoch(transactionalId, send, signal);
      });
    },
  };
}

function newLine(transactionalId: string, epoch: number | undefined): Line {
  return { transactionalId, epoch, number: 0, tail: Promise.resolve() };
}

async function commitIn(
  line: Line,
  collected: CollectedTransaction,
  send: Transport,
  signal: AbortSignal | undefined,
): Promise<Receipt[]> {
  signal?.throwIfAborted();
  line.epoch ??= await nextEpoch(line.transactionalId, send, signal);
  const body = collected.body(line.transactionalId);
  let answer: ApiAnswer;
  try {
    answer = await send({
      method: 'POST',
      path: PATH,
      headers: { 'content-type': JSON_TYPE, 'producer-epoch': `${line.epoch}`, 'producer-seq': `${line.number}` },
      body,
      repeatable: true,
      signal,
    });
  } catch (error) {
    const refused = error instanceof MillraceClientError && error.effect === 'none';
    if (!refused) beginAnew(line);
    throw error;
  }
  line.number++;
  const { records } = jsonOf(answer) as JsonTransactionAnswer;
  return records.map(({ topic, partition, offset, timestamp }) => ({ topic, partition, offset, timestamp }));
}

function beginAnew(line: Line): void {
  line.epoch = undefined;
  line.number = 0;
}

async function nextEpoch(transactionalId: string, send: Transport, signal: AbortSignal | undefined): Promise<number> {
  const answer = await send({
    method: 'POST',
    path: [...PATH, transactionalId, 'init'],
    headers: { 'content-type': JSON_TYPE },
    body: '{}',
    // An epoch that nobody uses costs nothing.
    repeatable: true,
    signal,
  });
  const { epoch } = jsonOf(answer) as Partial<JsonTransactionInit>;
  if (Number.isSafeInteger(epoch)) return epoch ?? 0;
  const detail = 'The answer to the init of a transactional id has no epoch.';
  throw new MillraceClientError('UNEXPECTED_ANSWER', detail, { retriable: false, effect: 'none' });
}

class CollectedTransaction implements Transaction {
  ended = false;
  /** Each record's JSON text. */
  private readonly records: string[] = [];
  private bytes = 0;
  private reader: Omit<GroupOffsets, 'offsets'> | undefined;
  private readonly offsets = new Map<string, GroupOffsets['offsets'][number]>();

  get isEmpty(): boolean {
    return this.records.length === 0 && this.offsets.size === 0;
  }

  async send({ topic, records }: { topic: string; records: readonly NewClientRecord[] }): Promise<void> {
    this.requireOpen();
    const texts = records.map((record) => JSON.stringify({ topic, ...recordToJson(record) }));
    const count = this.records.length + texts.length;
    if (count > requestLimits.recordsPerRequestMax) throw tooLarge(`${count} records`, 'recordsPerRequestMax');
    const bytes = this.bytes + texts.reduce((sum, text) => sum + utf8(text).length + 1, 0);
    if (bytes > requestLimits.requestBodyBytesMax) throw tooLarge(`${bytes} bytes`, 'requestBodyBytesMax');
    this.bytes = bytes;
    for (const text of texts) this.records.push(text);
  }

  commitOffsets({ group, member, generation, offsets }: GroupOffsets): void {
    this.requireOpen();
    const { reader } = this;
    if (reader !== undefined && reader.group !== group) {
      throw new TypeError(`A transaction commits offsets of one group, and this one has those of "${reader.group}".`);
    }
    if (reader !== undefined && (reader.member !== member || reader.generation !== generation)) {
      throw new TypeError('A transaction commits offsets of one member, and of one generation of it.');
    }
    this.reader = { group, member, generation };
    for (const offset of offsets) this.offsets.set(JSON.stringify([offset.topic, offset.partition]), offset);
  }

  body(transactionalId: string): string {
    const rest: Omit<JsonTransactionRequest, 'records'> = {
      transactional_id: transactionalId,
      offsets: this.reader === undefined ? undefined : { ...this.reader, offsets: [...this.offsets.values()] },
    };
    const text = JSON.stringify(rest).slice(1);
    const bytes = this.bytes + utf8(text).length + '{"records":[],'.length;
    if (bytes > requestLimits.requestBodyBytesMax) throw tooLarge(`${bytes} bytes`, 'requestBodyBytesMax');
    return `{"records":[${this.records.join(',')}],${text}`;
  }

  private requireOpen(): void {
    if (this.ended) throw new TypeError('The transaction has ended: its work has returned.');
  }
}

function tooLarge(size: string, limit: 'recordsPerRequestMax' | 'requestBodyBytesMax'): MillraceClientError {
  const detail = `A transaction of ${size} is over the limit ${limit}, ${requestLimits[limit]}.`;
  return new MillraceClientError('REQUEST_TOO_LARGE', detail, { retriable: false, effect: 'none' });
}
