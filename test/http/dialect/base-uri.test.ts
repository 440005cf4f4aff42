import { describe, expect, test } from 'vitest';
import { httpWorld } from '../../support/http-world.ts';

async function baseUri(headers: Record<string, string>, advertisedUrl?: string): Promise<string> {
  const { call } = httpWorld({ advertisedUrl });
  const answer = await call('POST', '/consumers/g', { name: 'n' }, headers);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { base_uri: string }).base_uri;
}

describe('the base URI of an instance', () => {
  test.each([
    [{}, 'http://localhost/consumers/g/instances/n'],
    [{ forwarded: 'host=api.example;proto=https' }, 'https://api.example/consumers/g/instances/n'],
    [
      { forwarded: 'for=1.2.3.4;proto=https;host="api.example:8443", for=x' },
      'https://api.example:8443/consumers/g/instances/n',
    ],
    [
      { 'x-forwarded-host': 'api.example', 'x-forwarded-proto': 'https' },
      'https://api.example/consumers/g/instances/n',
    ],
    [
      { 'x-forwarded-host': 'api.example', 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/kafka' },
      'https://api.example/kafka/consumers/g/instances/n',
    ],
    [{ 'x-forwarded-path': '/my/consumers/g' }, 'http://localhost/my/consumers/g/instances/n'],
    // Half of what is needed, and what is none.
    [{ 'x-forwarded-host': 'api.example' }, 'http://localhost/consumers/g/instances/n'],
    [{ forwarded: 'host=api.example' }, 'http://localhost/consumers/g/instances/n'],
    [{ 'x-forwarded-host': 'a b', 'x-forwarded-proto': 'https' }, 'http://localhost/consumers/g/instances/n'],
    [{ 'x-forwarded-host': 'a', 'x-forwarded-proto': 'ftp' }, 'http://localhost/consumers/g/instances/n'],
  ])('with %j is %s', async (headers, uri) => {
    expect(await baseUri(headers as Record<string, string>)).toBe(uri);
  });

  test('is below the advertised URL, whatever proxies say', async () => {
    const headers = { 'x-forwarded-host': 'other', 'x-forwarded-proto': 'http' };
    expect(await baseUri(headers, 'https://mine.example/')).toBe('https://mine.example/consumers/g/instances/n');
  });
});
