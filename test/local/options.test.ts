import { describe, expect, it } from 'vitest';
import { helpText } from '../../lib/local/flags.ts';
import { isLoopback, type LocalOptions, OptionsError, parseCommand } from '../../lib/local/options.ts';

interface Given {
  args?: string[];
  env?: Record<string, string>;
  files?: Record<string, string>;
}

function parse({ args = [], env = {}, files = {} }: Given): LocalOptions {
  const readFile = (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error('no such file');
    return text;
  };
  const command = parseCommand({ args, env, readFile });
  if (command.command !== 'serve') throw new Error('asks for help');
  return command.options;
}

function refusal(given: Given): string {
  try {
    parse(given);
  } catch (error) {
    if (error instanceof OptionsError) return error.message;
    throw error;
  }
  throw new Error('accepted');
}

const flag = (...args: string[]): Given => ({ args });
const variable = (name: string, value: string): Given => ({ env: { [name]: value } });

describe('the options of the local server', () => {
  it('are a server on loopback with data in a directory, by default', () => {
    expect(parse({})).toEqual({
      host: '127.0.0.1',
      port: 8080,
      storage: { kind: 'directory', path: '.millrace', fsync: false, replicas: [] },
      inlineBytesMax: 4096,
      replicaLagMsMax: 30_000,
      producerIdExpirationMs: 86_400_000,
      offsetsRetentionMs: 604_800_000,
      apiKeys: [],
      advertisedUrl: undefined,
      corsOrigins: [],
    });
  });

  it.each([
    ['--port', 'PORT', '0', { port: 0 }],
    ['--host', 'MILLRACE_HOST', '::1', { host: '::1' }],
    [
      '--data',
      'MILLRACE_DATA',
      '/tmp/x',
      { storage: { kind: 'directory', path: '/tmp/x', fsync: false, replicas: [] } },
    ],
    ['--data', 'MILLRACE_DATA', ':memory:', { storage: { kind: 'memory' } }],
    ['--kafka-port', 'KAFKA_PORT', '9093', {}],
    ['--inline-bytes-max', 'MILLRACE_INLINE_BYTES_MAX', '0', { inlineBytesMax: 0 }],
    ['--producer-id-expiration-ms', 'MILLRACE_PRODUCER_ID_EXPIRATION_MS', '60000', { producerIdExpirationMs: 60_000 }],
    ['--offsets-retention-minutes', 'MILLRACE_OFFSETS_RETENTION_MINUTES', '2', { offsetsRetentionMs: 120_000 }],
    ['--replica-lag-ms', 'MILLRACE_REPLICA_LAG_MS', '500', { replicaLagMsMax: 500 }],
    ['--api-key', 'MILLRACE_API_KEY', 'ops:s3:cret', { apiKeys: [{ id: 'ops', secret: 's3:cret' }] }],
    ['--advertised-url', 'MILLRACE_ADVERTISED_URL', 'https://a.b:8443/', { advertisedUrl: 'https://a.b:8443' }],
    ['--triggers', 'MILLRACE_TRIGGERS', './triggers.ts', { triggersFile: './triggers.ts' }],
    [
      '--cors-origin',
      'MILLRACE_CORS_ORIGIN',
      'https://a.b, http://c.d',
      { corsOrigins: ['https://a.b', 'http://c.d'] },
    ],
  ])('take %s and %s', (name, env, value, expected) => {
    expect(parse(flag(name, value))).toMatchObject(expected);
    expect(parse(flag(`${name}=${value}`))).toMatchObject(expected);
    expect(parse(variable(env, value))).toMatchObject(expected);
  });

  it('take a flag before its variable, and an empty variable for none', () => {
    expect(parse({ args: ['--port', '1'], env: { PORT: '2' } }).port).toBe(1);
    expect(parse({ args: ['--cors-origin', 'https://a.b'], env: { MILLRACE_CORS_ORIGIN: '*' } }).corsOrigins).toEqual([
      'https://a.b',
    ]);
    expect(parse(variable('PORT', '')).port).toBe(8080);
    expect(parse(variable('MILLRACE_API_KEY', '')).apiKeys).toEqual([]);
  });

  it('switch on what is named', () => {
    const storage = { kind: 'directory', path: '.millrace', fsync: true, replicas: [] };
    expect(parse(flag('--fsync')).storage).toEqual(storage);
    expect(parse(variable('MILLRACE_FSYNC', 'true')).storage).toEqual(storage);
    expect(parse(variable('MILLRACE_FSYNC', '0')).storage).toMatchObject({ fsync: false });
    expect(refusal(variable('MILLRACE_FSYNC', 'maybe'))).toBe('MILLRACE_FSYNC is "maybe", not true or false');
  });

  it('take DynamoDB and S3 where both are named', () => {
    const env = { MILLRACE_TABLE: 't', MILLRACE_BUCKET: 'b' };
    expect(parse({ env }).storage).toEqual({ kind: 'aws', table: 't', bucket: 'b', createTable: false });
    expect(parse({ env, args: ['--create-table'] }).storage).toMatchObject({ createTable: true });
    expect(refusal({ env, args: ['--data', 'x'] })).toContain('--data');
    expect(refusal(variable('MILLRACE_TABLE', 't'))).toContain('MILLRACE_BUCKET is not');
    expect(refusal(variable('MILLRACE_BUCKET', 'b'))).toContain('MILLRACE_TABLE is not');
    expect(refusal(flag('--create-table'))).toContain('MILLRACE_TABLE and MILLRACE_BUCKET');
  });

  it('take further directories with their racks, or the buckets of DynamoDB and S3', () => {
    const replicas = [{ path: '/mnt/b' }, { path: 'c=d', rack: 'zone-c' }, { path: '/mnt/e' }];
    expect(parse(flag('--replica-data', '/mnt/b, c=d=zone-c', '--replica-data', '/mnt/e')).storage).toEqual({
      kind: 'directory',
      path: '.millrace',
      fsync: false,
      replicas,
    });
    expect(parse(variable('MILLRACE_REPLICA_DATA', '/mnt/b,c=d=zone-c,/mnt/e')).storage).toMatchObject({ replicas });
    const env = { MILLRACE_TABLE: 't', MILLRACE_BUCKET: 'b' };
    expect(parse({ env: { ...env, MILLRACE_REPLICAS: '[…]' } }).storage).toMatchObject({ replicas: '[…]' });
    expect(refusal({ env, args: ['--replica-data', 'x'] })).toContain('--replica-data asks for embedded storage');
  });

  it.each([
    [flag('--prot', '1'), 'there is no flag --prot'],
    [flag('-p', '1'), 'there is no flag -p'],
    [flag('--no-fsync'), 'there is no flag --no-fsync'],
    [flag('--__proto__', '1'), 'there is no flag --__proto__'],
    [flag('serve'), '"serve" is no flag'],
    [flag('--port'), '--port needs a value'],
    [flag('--port', '--host', 'x'), '--port needs a value'],
    [flag('--fsync=yes'), '--fsync takes no value'],
    [flag('--port', '1', '--port', '2'), '--port is given 2 times'],
    [flag('--port', '65536'), '--port is "65536", not a whole number from 0 to 65535'],
    [flag('--port', '1e3'), '--port is "1e3"'],
    [flag('--port=-1'), '--port is "-1"'],
    [variable('PORT', 'http'), 'PORT is "http"'],
    [variable('KAFKA_PORT', 'x'), 'KAFKA_PORT is "x"'],
    [flag('--host', ' '), '--host is empty'],
    [flag('--data', ''), '--data is empty'],
    [flag('--inline-bytes-max', '409600'), '--inline-bytes-max is "409600"'],
    [flag('--replica-lag-ms', '0'), '--replica-lag-ms is "0"'],
    [flag('--advertised-url', 'a.b'), '--advertised-url is "a.b"'],
    [flag('--advertised-url', 'ftp://a.b'), '--advertised-url is "ftp://a.b"'],
    [flag('--advertised-url', 'https://a.b/c'), '--advertised-url is "https://a.b/c"'],
    [flag('--replica-data', '/mnt/b,'), '--replica-data has "", not a directory'],
    [flag('--replica-data', '/mnt/b='), '--replica-data has "/mnt/b=", not a directory'],
    [variable('MILLRACE_REPLICA_DATA', '=zone-b'), 'MILLRACE_REPLICA_DATA has "=zone-b", not a directory'],
    [flag('--replica-data', '/mnt/b', '--data', ':memory:'), '--replica-data needs a data directory'],
    [variable('MILLRACE_REPLICAS', '[]'), 'MILLRACE_REPLICAS lists buckets'],
    [flag('--cors-origin', 'https://a.b/'), '--cors-origin has "https://a.b/"'],
    [flag('--cors-origin', 'https://a.b,'), '--cors-origin has ""'],
    [flag('--api-key-file', 'missing'), '--api-key-file names missing, which cannot be read'],
  ])('refuse %j with a sentence', (given, sentence) => {
    expect(refusal(given)).toContain(sentence);
  });

  it('take keys from flags, lists and files together, and from variables only where there is no flag', () => {
    const files = { keys: 'ops:one\n\n  two  \r\n', more: 'x:a,b\n' };
    const args = [
      '--api-key',
      'three,dev:four',
      '--api-key',
      'five',
      '--api-key-file',
      'keys',
      '--api-key-file',
      'more',
    ];
    const env = { MILLRACE_API_KEY: 'six', MILLRACE_API_KEY_FILE: 'more' };
    expect(parse({ args, env, files }).apiKeys).toEqual([
      { id: 'admin', secret: 'three' },
      { id: 'dev', secret: 'four' },
      { id: 'admin', secret: 'five' },
      { id: 'ops', secret: 'one' },
      { id: 'admin', secret: 'two' },
      { id: 'x', secret: 'a,b' },
    ]);
    expect(parse({ env, files }).apiKeys).toEqual([
      { id: 'admin', secret: 'six' },
      { id: 'x', secret: 'a,b' },
    ]);
  });

  it.each([
    [flag('--api-key', ':hidden-secret')],
    [flag('--api-key', 'a b:hidden-secret')],
    [flag('--api-key', 'ops:')],
    [flag('--api-key', 'hidden-secret,')],
    [flag('--api-key', '')],
    [{ args: ['--api-key-file', 'f'], files: { f: '/etc/x:hidden-secret' } }],
  ])('refuse a key that is none without repeating it: %#', (given) => {
    const message = refusal(given);
    expect(message).toContain('[id:]secret');
    expect(message).not.toContain('hidden-secret');
  });

  it('refuse a key file without a key', () => {
    expect(refusal({ args: ['--api-key-file', 'f'], files: { f: '\n' } })).toContain('holds no key');
  });

  it('refuse to serve other machines without a key', () => {
    expect(refusal(flag('--host', '0.0.0.0'))).toContain('--api-key');
    expect(refusal(variable('MILLRACE_HOST', '192.168.0.1'))).toContain('192.168.0.1');
    expect(parse(flag('--host', '0.0.0.0', '--api-key', 'x')).host).toBe('0.0.0.0');
  });

  it('refuse to let the pages of every origin in without a key', () => {
    expect(refusal(flag('--cors-origin', '*'))).toBe(
      'the CORS origin * lets any web page call, and without an API key it could do everything: give --api-key, or name the origins',
    );
    expect(refusal(variable('MILLRACE_CORS_ORIGIN', 'https://a.b,*'))).toContain('--api-key');
    expect(parse(flag('--cors-origin', '*', '--api-key', 'x')).corsOrigins).toEqual(['*']);
    expect(parse(flag('--cors-origin', 'https://a.b')).corsOrigins).toEqual(['https://a.b']);
  });

  it.each([
    ['127.0.0.1', true],
    ['127.1.2.3', true],
    ['localhost', true],
    ['::1', true],
    ['0.0.0.0', false],
    ['::', false],
    ['127.evil.example', false],
    ['127.0.0.1.evil.example', false],
    ['10.0.0.1', false],
    ['millrace', false],
  ])('know whether %s is loopback: %s', (host, loopback) => {
    expect(isLoopback(host)).toBe(loopback);
  });

  it('print a help that names every flag and variable', () => {
    expect(parseCommand({ args: ['--help'], env: {}, readFile: String })).toEqual({ command: 'help' });
    for (const name of [
      '--port <port>',
      'PORT',
      '--data',
      'MILLRACE_DATA',
      '--api-key',
      'default 127.0.0.1',
      'MILLRACE_TABLE',
    ]) {
      expect(helpText()).toContain(name);
    }
  });
});
