import { describe, expect, it } from 'vitest';
import { checkHealth } from '../../lib/broker/check-health.ts';
import { serverLimits } from '../../lib/kernel/limits/server.ts';
import { TopicWorld } from '../support/topic-world.ts';

describe('a health check', () => {
  it('is passed when storage answers', async () => {
    const world = new TopicWorld();
    expect(await checkHealth(world.process().broker)).toEqual({ healthy: true });
    expect(world.clock.sleeping).toBe(0);
  });

  it('is failed when storage fails, with the reason', async () => {
    const { broker } = new TopicWorld().process({
      before: () => {
        throw new Error('on fire');
      },
    });
    expect(await checkHealth(broker)).toEqual({ healthy: false, reason: 'on fire' });
  });

  it('is failed when storage does not answer in time', async () => {
    const world = new TopicWorld();
    const { broker } = world.process({ before: () => new Promise(() => {}) });
    const health = checkHealth(broker);
    world.clock.advance(serverLimits.healthMsMax - 1);
    expect(await Promise.race([health, Promise.resolve('waiting')])).toBe('waiting');
    world.clock.advance(1);
    expect(await health).toMatchObject({ healthy: false });
  });
});
