/**
 * A gateway that is one of several, without a load balancer before them: it says in the table that it is there, and
 * looks who else is, so that clients are told of all that are, and soon of none that is not. Nothing else connects
 * these processes.
 *
 * One that is killed is named for as long as its silence may last (`kafkaGatewaySilenceMsMax`); one that ends takes
 * leave first. One that reaches the table no more goes on naming whom it knew, and is itself named by nobody else.
 */
import type { Broker } from '../../broker/broker.ts';
import { announceGateway } from '../../broker/gateways/announce-gateway.ts';
import { listGateways } from '../../broker/gateways/list-gateways.ts';
import { withdrawGateway } from '../../broker/gateways/withdraw-gateway.ts';
import { Sightings } from '../../coordination/gateways/sightings.ts';
import type { Cluster, VirtualBroker } from '../../kafka/cluster.ts';
import { bytesEqual } from '../../kernel/bytes.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Logger } from '../logger.ts';

export interface AnnouncingOptions {
  cluster: Cluster;
  /** Of this process. */
  own: readonly VirtualBroker[];
  broker: Pick<Broker, 'metadata' | 'random'>;
  clock: Clock;
  log: Pick<Logger, 'warn'>;
}

const PROCESS_BYTES = 8;

export class Announcing {
  readonly #options: AnnouncingOptions;
  readonly #process: Uint8Array;
  readonly #sightings = new Sightings();
  readonly #closing = new AbortController();
  #going: Promise<void> = Promise.resolve();
  /** What it has warned of last, so as to say it once. */
  #warned: string | undefined;

  constructor(options: AnnouncingOptions) {
    this.#options = options;
    this.#process = options.broker.random.bytes(PROCESS_BYTES);
  }

  /** Resolves when it has been said, and looked, for the first time. */
  async begin(): Promise<void> {
    await this.#beat();
    this.#going = this.#goOn();
  }

  /** Takes leave: clients of others are told of this one no more. */
  async close(): Promise<void> {
    this.#closing.abort();
    // A beat that is under way would be written after the leave was taken.
    await this.#going;
    const { broker, own } = this.#options;
    await this.#tried(() => withdrawGateway(broker, { process: this.#process, brokers: own }));
  }

  async #goOn(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    for (;;) {
      await clock.sleep(kafkaLimits.kafkaGatewayBeatMs, signal);
      if (signal.aborted) return;
      await this.#beat();
    }
  }

  async #beat(): Promise<void> {
    const { broker, own, clock } = this.#options;
    await this.#tried(async () => {
      // First, since another one with the same id is to be seen before what it has said is written over.
      await this.#look();
      await announceGateway(broker, { process: this.#process, beatMs: clock.now(), brokers: own });
    });
  }

  async #look(): Promise<void> {
    const { broker, cluster, own, clock } = this.#options;
    const found = await listGateways(broker);
    const others = found.filter(({ process }) => !bytesEqual(process, this.#process));
    const time = { monotonicMs: clock.monotonic(), nowMs: clock.now() };
    const alive = this.#sightings.alive(others, time);
    cluster.meet(alive);
    this.#warn(twinOf(own, alive));
    for (const one of others) {
      if (time.nowMs - one.beatMs > kafkaLimits.kafkaGatewayForgottenMs) await withdrawGateway(broker, one);
    }
  }

  async #tried(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.#warn(`Other gateways are not told of this one: ${error.message}`);
    }
  }

  #warn(warning: string | undefined): void {
    if (warning !== undefined && warning !== this.#warned) this.#options.log.warn(warning, {});
    this.#warned = warning;
  }
}

/** At another address, that is: what this one's predecessor has said at its own is no news. */
function twinOf(own: readonly VirtualBroker[], alive: readonly VirtualBroker[]): string | undefined {
  for (const { nodeId, host, port } of own) {
    const twin = alive.find((other) => other.nodeId === nodeId && (other.host !== host || other.port !== port));
    if (twin === undefined) continue;
    return `Another gateway is the broker ${nodeId} as well, at ${twin.host}:${twin.port}: give each a --kafka-node-id of its own`;
  }
  return undefined;
}
