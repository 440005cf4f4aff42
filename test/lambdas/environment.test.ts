import { describe, expect, it } from 'vitest';
import { readEnvironment, readHttpEndpoint } from '../../lambdas/support/environment.ts';

const LEAST = { MILLRACE_TABLE: 'table', MILLRACE_BUCKET: 'bucket' };

const REPLICA = { id: 1, name: 'one', bucket: 'acme--use1-az4--x-s3', region: 'us-east-1', rack: 'use1-az4' };

describe("a function's environment", () => {
  it('needs a table and a bucket, and has defaults for the rest', () => {
    expect(readEnvironment(LEAST)).toEqual({
      table: 'table',
      bucket: 'bucket',
      replicas: undefined,
      replicaLagMsMax: undefined,
      inlineBytesMax: undefined,
      producerIdExpirationMs: undefined,
      offsetsRetentionMs: undefined,
      authorizer: 'api-keys',
      adminKeySecretArn: undefined,
      corsOrigins: [],
      streaming: false,
    });
  });

  it('takes what is set, and an empty variable for one that is not', () => {
    const variables = {
      ...LEAST,
      MILLRACE_REPLICAS: JSON.stringify([REPLICA]),
      MILLRACE_REPLICA_LAG_MS: '10000',
      MILLRACE_INLINE_BYTES_MAX: '0',
      MILLRACE_PRODUCER_ID_EXPIRATION_MS: '604800000',
      MILLRACE_OFFSETS_RETENTION_MINUTES: '20',
      MILLRACE_AUTHORIZER: 'iam',
      MILLRACE_ADMIN_KEY_SECRET_ARN: '',
      MILLRACE_CORS_ORIGINS: '["https://app.example.com"]',
      MILLRACE_STREAMING: 'true',
    };
    expect(readEnvironment(variables)).toMatchObject({
      replicas: [REPLICA],
      replicaLagMsMax: 10_000,
      inlineBytesMax: 0,
      producerIdExpirationMs: 604_800_000,
      offsetsRetentionMs: 1_200_000,
      authorizer: 'iam',
      adminKeySecretArn: undefined,
      corsOrigins: ['https://app.example.com'],
      streaming: true,
    });
  });

  it('says everything that is wrong at once', () => {
    const wrong = {
      MILLRACE_BUCKET: '',
      MILLRACE_REPLICAS: '[]',
      MILLRACE_INLINE_BYTES_MAX: '4k',
      MILLRACE_AUTHORIZER: 'none',
      MILLRACE_CORS_ORIGINS: 'https://app.example.com',
    };
    expect(() => readEnvironment(wrong)).toThrow(
      'MILLRACE_TABLE is not set; MILLRACE_BUCKET is not set; ' +
        'MILLRACE_REPLICAS: The list of replicas is not a list of 1 to 8 replicas; ' +
        'MILLRACE_INLINE_BYTES_MAX is "4k", not a whole number; MILLRACE_AUTHORIZER is "none", not api-keys or iam; ' +
        'MILLRACE_CORS_ORIGINS is not a JSON list of text',
    );
  });
});

it('lets no replica be behind for no time at all', () => {
  expect(() => readEnvironment({ ...LEAST, MILLRACE_REPLICA_LAG_MS: '0' })).toThrow(
    'MILLRACE_REPLICA_LAG_MS is 0, it must be at least 1',
  );
});

it('keeps producers at least as long as a write can be on its way', () => {
  const variables = { ...LEAST, MILLRACE_PRODUCER_ID_EXPIRATION_MS: '59999' };
  expect(() => readEnvironment(variables)).toThrow(
    'MILLRACE_PRODUCER_ID_EXPIRATION_MS is 59999, it must be at least 60000',
  );
});

describe('where a web function listens', () => {
  it.each([
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['0.0.0.0:9000', { host: '0.0.0.0', port: 9000 }],
    ['[::1]:9000', { host: '::1', port: 9000 }],
    ['http://127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
  ])('is read from %s', (value, expected) => {
    expect(readHttpEndpoint({ AWS_LAMBDA_HTTP_ENDPOINT: value })).toEqual(expected);
  });

  it.each([undefined, '', '8080', 'host:', ':80', 'host:99999', 'host:8080/path'])('is refused as %s', (value) => {
    expect(() => readHttpEndpoint({ AWS_LAMBDA_HTTP_ENDPOINT: value })).toThrow('AWS_LAMBDA_HTTP_ENDPOINT');
  });
});
