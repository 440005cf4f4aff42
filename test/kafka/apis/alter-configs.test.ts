import { describe, expect, it } from 'vitest';
import { createTopic } from '../../../lib/broker/topics/create-topic.ts';
import { gatewayWorld } from '../support/gateway-world.ts';

async function altering() {
  const world = await gatewayWorld();
  await createTopic(world.broker, { name: 't', config: { 'retention.ms': '1', 'ledger.partitions': '4' } });
  const client = await world.connect();
  const alter = async (configs: Record<string, string | null>, { validateOnly = false, resourceName = 't' } = {}) => {
    const named = Object.entries(configs).map(([name, value]) => ({ name, value }));
    const resources = [{ resourceType: 2, resourceName, configs: named }];
    return (await client.request('AlterConfigs', 2, { resources, validateOnly })).responses[0]?.errorCode;
  };
  const overrides = async () => (await world.broker.topics.getFresh('t')).overrides;
  return { alter, overrides };
}

describe('AlterConfigs', () => {
  it('resets what is not named, but for what is fixed at creation', async () => {
    const { alter, overrides } = await altering();
    expect(await alter({ 'flush.ms': '7' })).toBe(0);
    expect(await overrides()).toEqual({ 'flush.ms': '7', 'ledger.partitions': '4' });
  });

  it('only says whether it could, where it is asked to', async () => {
    const { alter, overrides } = await altering();
    expect(await alter({ 'flush.ms': '7' }, { validateOnly: true })).toBe(0);
    expect(await overrides()).toEqual({ 'retention.ms': '1', 'ledger.partitions': '4' });
  });

  it('refuses bad values, missing ones, and topics that are not there', async () => {
    const { alter, overrides } = await altering();
    expect(await alter({ 'flush.ms': 'x' })).toBe(40);
    expect(await alter({ 'flush.ms': null })).toBe(42);
    expect(await alter({ 'flush.ms': '7' }, { resourceName: 'u' })).toBe(3);
    expect(await overrides()).toEqual({ 'retention.ms': '1', 'ledger.partitions': '4' });
  });
});
