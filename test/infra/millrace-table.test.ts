import { describe, expect, test } from 'vitest';
import { resource, tenantTemplate } from './support/synthesize.ts';

describe('the table', () => {
  const table = resource(tenantTemplate(), 'AWS::DynamoDB::Table');

  test('has the two string keys and is billed by request', () => {
    expect(table.Properties).toMatchObject({
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
    });
  });

  test('can be recovered to any second of 35 days, and outlives its stack', () => {
    expect(table).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 },
        DeletionProtectionEnabled: true,
      },
    });
  });

  test('streams its changes, and deletes nothing by itself', () => {
    expect(table.Properties).toMatchObject({ StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' } });
    expect(table.Properties).not.toHaveProperty('TimeToLiveSpecification');
  });

  test('goes with its stack where that was asked for', () => {
    expect(resource(tenantTemplate({ removal: 'destroy' }), 'AWS::DynamoDB::Table')).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: { DeletionProtectionEnabled: false },
    });
  });
});
