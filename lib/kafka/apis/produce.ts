/**
 * Produce: record batches pass through as they come, checked and not re-encoded. Batches of one request and partition
 * are written together; requests of a connection are appended in their order, without waiting for each other.
 */
import type { Acks } from '../../broker/produce/append-to-partition.ts';
import { type ProduceBatchesResult, produceBatches } from '../../broker/produce/produce-batches.ts';
import { EMPTY_BYTES, releaseWithParts } from '../../kernel/bytes.ts';
import { type ErrorCode, MillraceError } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { mapBounded } from '../../kernel/map-bounded.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { isAllowed, topicByIdDenied, topicDenied } from '../authorization/authorization.ts';
import {
  type Failure,
  failureWith,
  NONE,
  toldOfWriting,
  UNKNOWN_TOPIC_ID,
  UnanswerableError,
  wireCodes,
} from '../failures.ts';
import { isTransactional, isZstd } from '../fields/batch-attributes.ts';
import { wireOffset } from '../fields/offsets.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { nameAsked } from '../topics/asked-topic.ts';
import { isFault } from '../traffic.ts';
import { produceFailure } from '../transactions/transaction-failures.ts';
import { writeInTransaction } from '../transactions/transactional-produce.ts';

type Request = RequestOf<'Produce'>;
type TopicData = Request['topicData'][number];
type PartitionResponse = ResponseOf<'Produce'>['responses'][number]['partitionResponses'][number];

const INVALID_REQUIRED_ACKS: Failure = { code: wireCodes.INVALID_REQUIRED_ACKS, message: 'acks is -1, 0 or 1.' };
const ZSTD_TOO_EARLY = failureWith('UNSUPPORTED_COMPRESSION_TYPE', 'This version of Produce takes no zstd.');
const ZSTD_FROM = 7;
/** From this version on topics are named by their ids (KIP-516). */
const TOPIC_IDS_FROM = 13;
const NO_OFFSET = -1n;
/** The errors of single records (KIP-467). */
const OF_RECORDS: ReadonlySet<ErrorCode> = new Set(['INVALID_RECORD', 'INVALID_TIMESTAMP']);

export const produce: ServedApi<'Produce'> = {
  lowest: 3,
  highest: 13,
  // librdkafka compresses only for brokers that say they know the first versions (KAFKA-18659).
  advertisedFrom: 0,
  // Producers wait for no reader: what they are told is small, and what they send has its own room.
  answerBytes: () => 0,
  handle,
  failed: (_call, request, failure) => {
    if (acksOf(request.acks) === 'none') return refuseUnheard([failure.code]);
    return { responses: request.topicData.map((topic) => answerOf(topic, () => refused(toldOfWriting(failure)))) };
  },
};

/**
 * Who sends with acks=0 expects no answer, and would take one for that to another request: Kafka closes the connection
 * as well.
 */
function refuseUnheard(codes: readonly number[]): never {
  const code = codes.find(isFault) ?? codes[0] ?? NONE;
  const message = 'records sent with acks=0 were refused';
  throw new UnanswerableError(message, { code, message });
}

async function handle(call: Call, request: Request): Promise<ResponseOf<'Produce'> | undefined> {
  const acks = acksOf(request.acks);
  if (acks === undefined) return produce.failed(call, request, INVALID_REQUIRED_ACKS);
  const names = await mapInTurns(call, request.topicData, (topic) =>
    nameAsked(call, topic, { idsFrom: TOPIC_IDS_FROM }),
  );
  // Of the frame, only the records stay.
  releaseWithParts(request.topicData.flatMap(({ partitionData }) => partitionData.map(batchesOf)));
  const written = await writeAll(call, request, { names, acks });
  if (acks === 'none') {
    const refusals = written.flat().flatMap(({ errorCode }) => (errorCode === NONE ? [] : [errorCode]));
    if (refusals.length > 0) refuseUnheard(refusals);
    return undefined;
  }
  return {
    responses: request.topicData.map((topic, at) => ({ ...idOf(topic), partitionResponses: written[at] ?? [] })),
  };
}

/** By topic. Mostly all of them at once: what is written at the same time is stored together. */
async function writeAll(
  call: Call,
  { transactionalId, topicData }: Request,
  { names, acks }: { names: readonly (string | undefined)[]; acks: Acks },
): Promise<PartitionResponse[][]> {
  const order = new PlaceWatch(call.accepted);
  const all = topicData.flatMap(({ partitionData }, topicAt) => partitionData.map((data) => ({ data, topicAt })));
  const written = mapBounded(
    all,
    kafkaLimits.kafkaWritesInFlightMax,
    ({ data, topicAt }, at) => {
      const writing = order.watch((placed) =>
        write(call, { transactionalId, name: names[topicAt], data, acks, placed }),
      );
      if (at === all.length - 1) order.began();
      return writing;
    },
    call.gateway.turns,
  );
  if (all.length === 0) order.began();
  const byTopic = topicData.map((): PartitionResponse[] => []);
  for (const [at, response] of (await written).entries()) byTopic[all[at]?.topicAt ?? 0]?.push(response);
  return byTopic;
}

/** Says that the request is accepted when all of its partitions have their place, or their refusal. */
class PlaceWatch {
  readonly #accepted: () => void;
  #open = 1;

  constructor(accepted: () => void) {
    this.#accepted = accepted;
  }

  async watch<T>(write: (placed: () => void) => Promise<T>): Promise<T> {
    this.#open += 1;
    let isOpen = true;
    const placed = () => {
      if (isOpen) this.began();
      isOpen = false;
    };
    try {
      return await write(placed);
    } finally {
      placed();
    }
  }

  began(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#accepted();
  }
}

interface PartitionWrite {
  transactionalId: string | null;
  /** Absent: no topic has the id. */
  name: string | undefined;
  data: TopicData['partitionData'][number];
  acks: Acks;
  placed: () => void;
}

async function write(call: Call, request: PartitionWrite): Promise<PartitionResponse> {
  const { transactionalId, name, data, acks, placed } = request;
  const { index: partition } = data;
  const batches = batchesOf(data);
  const refuse = (failure: Failure) => ({ index: partition, ...refused(failure) });
  if (name === undefined) return refuse(UNKNOWN_TOPIC_ID);
  if (!isAllowed(call, 'produce', name)) {
    return refuse(call.version >= TOPIC_IDS_FROM ? topicByIdDenied(call, name) : topicDenied(name));
  }
  if (call.version < ZSTD_FROM && isZstd(batches)) return refuse(ZSTD_TOO_EARLY);
  if (isTransactional(batches)) {
    const failure = await writeInTransaction(call, { transactionalId, topic: name, partition, batches, placed });
    return failure === undefined ? { index: partition, errorCode: NONE, baseOffset: NO_OFFSET } : refuse(failure);
  }
  const { broker } = call.gateway;
  const principal = call.session.principal?.id ?? '';
  try {
    const written = await produceBatches(broker, {
      topic: name,
      partition,
      acks,
      principal,
      placed,
      batches,
    });
    return { index: partition, ...placeOf(written) };
  } catch (error) {
    return { ...refuse(produceFailure(error)), ...recordErrorsOf(error) };
  }
}

function batchesOf({ records }: TopicData['partitionData'][number]): Uint8Array {
  return (records as Uint8Array | null) ?? EMPTY_BYTES;
}

function placeOf({ baseOffset, appendTimeMs, logStartOffset }: ProduceBatchesResult) {
  return {
    errorCode: NONE,
    baseOffset: wireOffset(baseOffset),
    logAppendTimeMs: wireOffset(appendTimeMs),
    logStartOffset: wireOffset(logStartOffset),
  };
}

/** All of a partition's records are refused for some of them; which ones, the producer can tell its user. */
function recordErrorsOf(error: unknown): Pick<PartitionResponse, 'recordErrors'> {
  if (!(error instanceof MillraceError) || !OF_RECORDS.has(error.code)) return {};
  const { records = [] } = error.facts;
  return {
    recordErrors: records.map(({ index, message }) => ({ batchIndex: index, batchIndexErrorMessage: message })),
  };
}

function refused({ code, message }: Failure) {
  return { errorCode: code, baseOffset: NO_OFFSET, errorMessage: message };
}

function answerOf(topic: TopicData, refusal: () => Omit<PartitionResponse, 'index'>) {
  return { ...idOf(topic), partitionResponses: topic.partitionData.map(({ index }) => ({ index, ...refusal() })) };
}

function idOf({ name, topicId }: TopicData) {
  return { name, topicId };
}

function acksOf(acks: number): Acks | undefined {
  switch (acks) {
    case -1:
      return 'all';
    case 0:
      return 'none';
    case 1:
      return 'leader';
    default:
      return undefined;
  }
}
