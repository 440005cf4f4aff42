import { describe, expect, it } from 'vitest';
import { gatewayWorld } from '../support/gateway-world.ts';

const binding = { principal: 'User:ada', host: '*', operation: 3, permissionType: 3 };
const filter = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
};
const SECURITY_DISABLED = 54;

describe('ACLs', () => {
  it('are none: whoever lists, creates or deletes them hears that there is no authorizer', async () => {
    const { connect } = await gatewayWorld();
    const client = await connect();
    expect(await client.request('DescribeAcls', 3, { ...filter, patternTypeFilter: 1 })).toMatchObject({
      errorCode: SECURITY_DISABLED,
      resources: [],
    });
    const creations = [
      { resourceType: 2, resourceName: 't', ...binding },
      { resourceType: 3, resourceName: 'g', ...binding },
    ];
    const { results } = await client.request('CreateAcls', 2, { creations });
    expect(results.map(({ errorCode }) => errorCode)).toEqual([SECURITY_DISABLED, SECURITY_DISABLED]);
    const { filterResults } = await client.request('DeleteAcls', 1, { filters: [{ ...filter, patternTypeFilter: 3 }] });
    expect(filterResults).toMatchObject([{ errorCode: SECURITY_DISABLED, matchingAcls: [] }]);
  });
});
