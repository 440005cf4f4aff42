import { describe, expect, test } from 'vitest';
import { resource, resourcesOfType, tenantStack, tenantTemplate } from './support/synthesize.ts';

const ORIGIN = 'https://app.example.com';

describe.each(['http-api', 'web-function'] as const)('origins of other pages on %s', (ingress) => {
  const template = tenantTemplate({ ingress, corsOrigins: [ORIGIN] });

  test('may read ranges of objects by signed URLs, and nothing else of the bucket', () => {
    expect(resource(template, 'AWS::S3::Bucket', 'BucketObjects').Properties['CorsConfiguration']).toEqual({
      CorsRules: [
        {
          AllowedOrigins: [ORIGIN],
          AllowedMethods: ['GET', 'HEAD'],
          AllowedHeaders: ['range', 'if-range'],
          ExposedHeaders: ['Content-Range', 'Accept-Ranges', 'ETag'],
          MaxAge: 7_200,
        },
      ],
    });
    const open = resourcesOfType(template, 'AWS::S3::Bucket').filter(
      ([, { Properties }]) => 'CorsConfiguration' in Properties,
    );
    expect(open).toHaveLength(1);
  });

  test('are told to what answers requests', () => {
    expect(JSON.stringify(template.toJSON())).toContain('MILLRACE_CORS_ORIGINS');
  });

  test('are none by default', () => {
    const plain = tenantTemplate({ ingress });
    expect(resource(plain, 'AWS::S3::Bucket', 'BucketObjects').Properties).not.toHaveProperty('CorsConfiguration');
    expect(JSON.stringify(plain.toJSON())).not.toContain('MILLRACE_CORS_ORIGINS');
  });
});

test.each(['app.example.com', 'https://app.example.com/', 'https://*.example.com/x', ''])(
  'refuses "%s", which is no origin',
  (origin) => {
    expect(() => tenantStack({ corsOrigins: [origin] })).toThrow('not an origin');
  },
);

test('refuses them where callers sign, which a browser does not when it asks for leave', () => {
  expect(() => tenantStack({ authorizer: 'iam', corsOrigins: [ORIGIN] })).toThrow('iam');
  expect(() => tenantStack({ corsOrigins: ['*'] })).not.toThrow();
});
