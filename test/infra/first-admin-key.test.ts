import { describe, expect, test } from 'vitest';
import { resource, resourcesOfType, tenantTemplate } from './support/synthesize.ts';

describe('the first admin key', () => {
  const secret = resource(tenantTemplate(), 'AWS::SecretsManager::Secret');

  test('is generated in the account, as JSON with the id admin and 256 random bits', () => {
    expect(secret.Properties['GenerateSecretString']).toEqual({
      SecretStringTemplate: '{"id":"admin"}',
      GenerateStringKey: 'secret',
      PasswordLength: 43,
      ExcludePunctuation: true,
      IncludeSpace: false,
    });
    expect(secret.Properties).not.toHaveProperty('SecretString');
  });

  test('outlives its stack unless told otherwise', () => {
    expect(secret.DeletionPolicy).toBe('Retain');
    const destroyed = tenantTemplate({ removal: 'destroy' });
    expect(resource(destroyed, 'AWS::SecretsManager::Secret').DeletionPolicy).toBe('Delete');
  });

  test('does not exist where AWS checks signatures', () => {
    const iam = tenantTemplate({ authorizer: 'iam' });
    expect(resourcesOfType(iam, 'AWS::SecretsManager::Secret')).toEqual([]);
    expect(Object.keys(iam.findOutputs('*'))).toEqual(['Url', 'TableName', 'BucketName']);
  });
});
