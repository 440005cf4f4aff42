/** A transactional id of a producer of Kafka's protocol, whose decisions are carried out, and its first producer. */
import { decideInitialize } from '../../../lib/coordination/transactions/decide.ts';
import { decideEnd, type EndAs } from '../../../lib/coordination/transactions/decide-end.ts';
import {
  decideAddOffsets,
  decideAppend,
  decideEnlist,
} from '../../../lib/coordination/transactions/decide-producer.ts';
import { producerOf } from '../../../lib/coordination/transactions/producer.ts';
import { refusalError } from '../../../lib/coordination/transactions/refusal-error.ts';
import type {
  ProducerIdentity,
  TransactionalState,
} from '../../../lib/coordination/transactions/transactional-item.ts';
import { toBase64Url } from '../../../lib/kernel/bytes.ts';

export const TIMEOUT_MS = 1_000;
export const FIRST_PRODUCER_ID = 7;
const topicId = toBase64Url(new Uint8Array(16));

type Decision = ReturnType<typeof decideEnlist | typeof decideAppend | typeof decideAddOffsets | typeof decideEnd>;

export class KafkaTransactionalId {
  state: TransactionalState | undefined;
  /** Who asks. */
  producer: ProducerIdentity = { id: FIRST_PRODUCER_ID, epoch: 0 };
  nowMs = 10_000;
  /** Whether its client is one of KIP-890's second part. */
  readonly #isNewer: boolean;
  #handedOut = FIRST_PRODUCER_ID;

  constructor({ isNewer = false } = {}) {
    this.#isNewer = isNewer;
  }

  initialized(): this {
    const decision = decideInitialize(this.state, { timeoutMs: TIMEOUT_MS, producerId: FIRST_PRODUCER_ID });
    if (decision.decision === 'initialize') this.state = decision.next;
    return this;
  }

  /** As if it had been initialized so often. */
  aged(epochs: number): this {
    const state = this.state as TransactionalState;
    this.state = { ...state, epoch: state.epoch + epochs };
    this.producer = producerOf(this.state) as ProducerIdentity;
    return this;
  }

  enlist(...partitions: number[]): string {
    const named = partitions.map((partition) => ({ topicId, partition }));
    return this.#carryOut(
      decideEnlist(this.state, this.producer, { partitions: named, partitionsMax: 4, nowMs: this.nowMs }),
    );
  }

  append(partition: number, firstSequence: number): string {
    const runs = [{ topicId, partition, firstSequence, records: 1 }];
    const limits = { partsMax: 3, partitionsMax: 4, nowMs: this.nowMs };
    const decision = decideAppend(this.state, this.producer, { runs, enlists: this.#isNewer, ...limits });
    const said = this.#carryOut(decision);
    return decision.decision === 'append' ? (decision.verdicts[0]?.verdict ?? '') : said;
  }

  addOffsets(): string {
    const limits = { partsMax: 3, nowMs: this.nowMs };
    return this.#carryOut(decideAddOffsets(this.state, this.producer, { begin: this.#isNewer, ...limits }));
  }

  /** A newer client takes over what it is called from then on; `by`: another one asks. */
  end(as: EndAs, by = this.producer): string {
    const decide = (producerId?: number) => {
      const raise = this.#isNewer && { raise: producerId === undefined ? {} : { producerId } };
      return decideEnd(this.state, by, { as, nowMs: this.nowMs, ...raise });
    };
    let decision = decide();
    if (decision.decision === 'needs-producer-id') decision = decide(++this.#handedOut);
    const said = this.#carryOut(decision);
    if ('producer' in decision && by === this.producer) this.producer = decision.producer;
    return said;
  }

  #carryOut(decision: Decision): string {
    if ('next' in decision && decision.next !== undefined) this.state = decision.next;
    return decision.decision === 'refuse' ? refusalError('x', decision.refusal).code : decision.decision;
  }
}
