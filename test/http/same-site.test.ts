import { describe, expect, test } from 'vitest';
import { requireSameSite } from '../../lib/http/same-site.ts';

const check =
  (host: string | undefined, origin?: string, options = {}) =>
  () =>
    requireSameSite({ host, origin }, options);

describe('a server without keys', () => {
  test.each(['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080', 'LOCALHOST:1', undefined])(
    'answers the Host %s',
    (host) => {
      expect(check(host)).not.toThrow();
    },
  );

  test.each([
    'evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.2',
    'localhost:8080evil',
    'localhost.',
    '0.0.0.0:8080',
    ' ',
    'local host',
  ])('refuses the Host %j, as of DNS rebinding', (host) => {
    expect(check(host)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  });

  test.each(['http://localhost:3000', 'https://127.0.0.1', 'http://[::1]:9'])('answers pages of %s', (origin) => {
    expect(check('localhost', origin)).not.toThrow();
  });

  test.each(['https://evil.example', 'null', 'http://localhost.evil.example', 'nonsense'])(
    'refuses pages of %s',
    (origin) => {
      expect(check('localhost', origin)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
    },
  );

  test('answers what the operator has configured', () => {
    const options = { advertisedUrl: 'https://millrace.example/api', origins: ['https://app.example'] };
    expect(check('millrace.example', 'https://app.example', options)).not.toThrow();
    expect(check('millrace.example', 'https://millrace.example', options)).not.toThrow();
    expect(check('app.example', undefined, options)).toThrow(/Host/);
    expect(check('millrace.example', 'https://app.example.evil', options)).toThrow(/Origin/);
  });
});
