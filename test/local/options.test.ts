import { describe, expect, it } from 'vitest';
import { helpText } from '../../lib/local/flags.ts';
import { isLoopback } from '../../lib/local/loopback.ts';
import { type LocalOptions, parseCommand } from '../../lib/local/options.ts';
import { OptionsError } from '../../lib/local/settings.ts';

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
      kafka: {
        host: '127.0.0.1',
        port: 9092,
        brokers: 1,
        required: false,
        autoCreate: { enabled: true, partitions: 1 },
      },
      storage: { kind: 'directory', path: '.millrace', fsync: false, replicas: [] },
      inlineBytesMax: 4096,
      replicaLagMsMax: 30_000,
      producerIdExpirationMs: 86_400_000,
      offsetsRetentionMs: 604_800_000,
      maintenanceIntervalMs: 600_000,
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
    ['--kafka-port', 'KAFKA_PORT', '9093', { kafka: { host: '127.0.0.1', port: 9093, brokers: 1, required: true } }],
    ['--kafka-brokers', 'MILLRACE_KAFKA_BROKERS', '3', { kafka: { brokers: 3 } }],
    [
      '--kafka-advertised',
      'MILLRACE_KAFKA_ADVERTISED',
      'kafka:29092',
      { kafka: { advertised: [{ host: 'kafka', port: 29_092 }] } },
    ],
    ['--kafka-rack', 'MILLRACE_KAFKA_RACK', 'eu-1a', { kafka: { racks: ['eu-1a'] } }],
    ['--auto-create-topics', 'MILLRACE_AUTO_CREATE_TOPICS', 'false', { kafka: { autoCreate: { enabled: false } } }],
    ['--num-partitions', 'MILLRACE_NUM_PARTITIONS', '4', { kafka: { autoCreate: { partitions: 4 } } }],
    [
      '--kafka-initial-rebalance-ms',
      'MILLRACE_KAFKA_INITIAL_REBALANCE_MS',
      '3000',
      { kafka: { initialRebalanceDelayMs: 3_000 } },
    ],
    ['--inline-bytes-max', 'MILLRACE_INLINE_BYTES_MAX', '0', { inlineBytesMax: 0 }],
    ['--producer-id-expiration-ms', 'MILLRACE_PRODUCER_ID_EXPIRATION_MS', '60000', { producerIdExpirationMs: 60_000 }],
    ['--offsets-retention-minutes', 'MILLRACE_OFFSETS_RETENTION_MINUTES', '2', { offsetsRetentionMs: 120_000 }],
    ['--maintenance-interval-ms', 'MILLRACE_MAINTENANCE_INTERVAL_MS', '5000', { maintenanceIntervalMs: 5_000 }],
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
    [flag('--kafka-brokers', '0'), '--kafka-brokers is "0", not a whole number from 1 to 100'],
    [
      flag('--kafka-one-port', '--kafka-brokers', '2', '--kafka-advertised', 'a'),
      '--kafka-one-port with 2 virtual brokers needs --kafka-advertised with a port',
    ],
    [flag('--kafka-port', '65535', '--kafka-brokers', '2'), 'would need ports above 65535'],
    [flag('--kafka-advertised', 'a:65535', '--kafka-brokers', '2'), 'would need ports above 65535'],
    [flag('--kafka-advertised', '0.0.0.0:9092'), '--kafka-advertised has "0.0.0.0:9092"'],
    [flag('--kafka-advertised', 'a,b', '--kafka-brokers', '3'), '--kafka-advertised lists 2 for 3 virtual brokers'],
    [flag('--kafka-rack', 'a,b'), '--kafka-rack lists 2 for 1 virtual brokers'],
    [variable('MILLRACE_KAFKA_RACK', 'a,'), 'MILLRACE_KAFKA_RACK has ""'],
    [flag('--auto-create-topics', 'maybe'), '--auto-create-topics is "maybe", not true or false'],
    [flag('--num-partitions', '10001'), '--num-partitions is "10001"'],
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

  it('take TLS for Kafka, and who clients are by their certificates where there are keys', () => {
    const files = ['--kafka-tls-cert', 'tls.crt', '--kafka-tls-key', 'tls.key'];
    expect(parse({ args: files }).kafka?.tls).toEqual({ cert: 'tls.crt', key: 'tls.key' });
    const mutual = [...files, '--kafka-tls-client-ca', 'ca.crt'];
    expect(parse({ args: [...mutual, '--api-key', 'secret'] }).kafka?.tls).toMatchObject({ clientCa: 'ca.crt' });
    expect(refusal({ args: mutual })).toContain('--kafka-tls-client-ca says who has which API key');
    expect(refusal(flag('--kafka-tls-cert', 'tls.crt'))).toContain('needs both --kafka-tls-cert and --kafka-tls-key');
    expect(refusal(variable('MILLRACE_KAFKA_TLS_CLIENT_CA', 'ca.crt'))).toContain('needs both');
    expect(parse(flag('--kafka-session-ms-max', '60000')).kafka).toMatchObject({ sessionMsMax: 60_000 });
    expect(parse(flag('--kafka-report-ms', '60000')).kafka).toMatchObject({ reportMs: 60_000 });
  });

  it('take tokens of an issuer, from whom nobody else can have sent the keys', () => {
    const args = ['--kafka-oauth-issuer', 'https://i.example', '--kafka-oauth-audience', 'us', '--api-key', 'secret'];
    const tokens = (keys: string, ...more: string[]) => ({ args: [...args, '--kafka-oauth-keys', keys, ...more] });
    expect(parse(tokens('jwks.json')).kafka?.tokens).toEqual({
      keys: 'jwks.json',
      issuer: 'https://i.example',
      audience: 'us',
      principalClaim: 'sub',
      scopeClaim: 'scope',
      scopePrefix: '',
    });
    const named = ['--kafka-oauth-principal-claim', 'azp', '--kafka-oauth-scope-claim', 'scp'];
    expect(
      parse(tokens('https://i.example/jwks', ...named, '--kafka-oauth-scope-prefix', 'm/')).kafka?.tokens,
    ).toMatchObject({ principalClaim: 'azp', scopeClaim: 'scp', scopePrefix: 'm/' });
    expect(parse(tokens('http://127.0.0.1:1/jwks')).kafka?.tokens).toMatchObject({ keys: 'http://127.0.0.1:1/jwks' });
    expect(refusal(tokens('http://i.example/jwks'))).toContain('neither a file nor an https URL');
    expect(refusal({ args })).toContain('tokens need all of');
    expect(refusal({ args: [...args.slice(0, 4), '--kafka-oauth-keys', 'x'] })).toContain('give --api-key');
  });

  it('keep Kafka to loopback as well where there is no key', () => {
    expect(refusal(flag('--host', '0.0.0.0'))).toContain('without an API key');
    expect(parse(flag('--host', '0.0.0.0', '--api-key', 'secret')).kafka).toMatchObject({ host: '0.0.0.0' });
  });

  it('take an address and a rack of each virtual broker', () => {
    const args = ['--kafka-brokers', '2', '--kafka-advertised', 'a:1, b:2', '--kafka-rack', 'x,y'];
    expect(parse({ args }).kafka).toMatchObject({
      brokers: 2,
      advertised: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      racks: ['x', 'y'],
    });
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
