/** Refusing who has not proved who they are. */
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Failure } from '../failures.ts';
import type { Serving } from '../serve-request.ts';

/** The connection ends with the answer that follows, which comes late enough to make guessing slow. */
export async function hangUpSlowly({ gateway, session, signal, hangUp }: Serving, failure: Failure): Promise<void> {
  const { log, clock } = gateway.broker;
  log.info(`A Kafka client is refused: ${failure.message}`, { address: session.address });
  await clock.sleep(kafkaLimits.kafkaRefusalDelayMs, signal);
  hangUp();
}
