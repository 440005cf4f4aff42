/**
 * Whether storage answers: one read of the metadata store, which every request depends on, within a bound. Objects are
 * not asked for: a function without access to them answers health checks too, and a bucket that fails shows in what
 * produce and fetch answer.
 */
import { serverLimits } from '../kernel/limits/server.ts';
import { directoryKey } from '../log/topic/topic-item.ts';
import type { Broker } from './broker.ts';

export type Health = { healthy: true } | { healthy: false; reason: string };

/** No topic has this name; the read costs half a read unit. */
const PROBE = directoryKey('.');

/** Never rejects. The reason is for the log. */
export async function checkHealth(broker: Broker): Promise<Health> {
  const answered = new AbortController();
  const late = broker.clock.sleep(serverLimits.healthMsMax, answered.signal).then(
    (): Health => ({
      healthy: false,
      reason: `The metadata store did not answer within ${serverLimits.healthMsMax} ms.`,
    }),
  );
  const reply = broker.metadata.get(PROBE, 'eventual').then(
    (): Health => ({ healthy: true }),
    (error: unknown): Health => ({ healthy: false, reason: error instanceof Error ? error.message : String(error) }),
  );
  const health = await Promise.race([reply, late]);
  answered.abort();
  return health;
}
