import { describe, expect, test } from 'vitest';
import { parseCredentials } from '../../lib/http/credentials.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

describe('parseCredentials', () => {
  test('reads a bearer secret', () => {
    expect(parseCredentials('Bearer s3cret')).toEqual({ secret: 's3cret' });
    expect(parseCredentials('bearer  s3cret ')).toEqual({ secret: 's3cret' });
  });

  test('reads id and secret of Basic; the secret may hold colons and any text', () => {
    expect(parseCredentials(basic('id:a:b'))).toEqual({ id: 'id', secret: 'a:b' });
    expect(parseCredentials(basic('ïd:sécret'))).toEqual({ id: 'ïd', secret: 'sécret' });
    expect(parseCredentials(basic('id:'))).toEqual({ id: 'id', secret: '' });
  });

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    's3cret',
    'Digest x',
    'Basic',
    'Basic !!!!',
    basic('no colon'),
    basic(':no id'),
    'Basic /////w==',
  ])('refuses %j without showing it', (header) => {
    expect(() => parseCredentials(header)).toThrow(
      expect.objectContaining({ code: 'UNAUTHENTICATED', message: expect.not.stringContaining('s3cret') }),
    );
  });
});
