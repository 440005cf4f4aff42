/** Whether the server can serve, for load balancers and for who waits for it to start. */
import { checkHealth } from '../../broker/check-health.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { jsonAnswer } from '../answer.ts';
import type { Door } from '../door.ts';
import { healthRoute } from './health-routes.ts';
import { mount } from './mount.ts';

export function mountHealth(door: Door): void {
  const { broker, log } = door.options;
  mount(door, healthRoute, async () => {
    const health = await checkHealth(broker);
    if (health.healthy) return jsonAnswer('{"status":"ok"}');
    log?.warn('storage does not answer', { reason: health.reason });
    throw new MillraceError('KAFKA_STORAGE_ERROR', 'Storage does not answer.');
  });
}
