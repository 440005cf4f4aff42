import { describe, expect, it } from 'vitest';
import { type GatewayOptions, gatewayHelp, parseGatewayCommand } from '../../../lib/local/gateway/options.ts';

const STORAGE = { MILLRACE_TABLE: 'records', MILLRACE_BUCKET: 'segments' };

function parse(args: string[], env: Record<string, string> = STORAGE): GatewayOptions {
  const command = parseGatewayCommand({ args, env, readFile: () => '' });
  if (command.command !== 'serve') throw new Error('asks for help');
  return command.options;
}

describe('the options of the gateway alone', () => {
  it('are a table, a bucket and where Kafka’s protocol is spoken, by the environment', () => {
    const options = parse([], {
      ...STORAGE,
      MILLRACE_HOST: '0.0.0.0',
      MILLRACE_API_KEY: 'a-secret-of-more-than-32-characters',
      KAFKA_PORT: '9000',
      MILLRACE_KAFKA_BROKERS: '3',
      MILLRACE_KAFKA_ONE_PORT: 'true',
      MILLRACE_KAFKA_ADVERTISED: 'kafka.example.com:9092',
    });
    expect(options).toMatchObject({
      storage: { kind: 'aws', table: 'records', bucket: 'segments', createTable: false },
      apiKeys: [{ id: 'admin', secret: 'a-secret-of-more-than-32-characters' }],
      host: '0.0.0.0',
      kafka: {
        host: '0.0.0.0',
        port: 9_000,
        brokers: 3,
        onePort: true,
        advertised: [{ host: 'kafka.example.com', port: 9_092 }],
        required: true,
      },
    });
  });

  it('listen on Kafka’s port unless told otherwise, and must have it', () => {
    expect(parse([]).kafka).toMatchObject({ port: 9_092, required: true });
  });

  it('are not confused by what the variables of a local server say', () => {
    expect(parse([], { ...STORAGE, PORT: '-', MILLRACE_DATA: '/data', MILLRACE_CORS_ORIGIN: '?' })).toEqual(parse([]));
  });

  it.each([
    [[], {}, 'set MILLRACE_TABLE and MILLRACE_BUCKET'],
    [['--port', '1'], STORAGE, 'there is no flag --port'],
    [['--data', '/data'], STORAGE, 'there is no flag --data'],
    [['--host', '0.0.0.0'], STORAGE, 'without an API key everyone there could do everything'],
  ])('refuse %o with %o', (args, env, refusal) => {
    expect(() => parse(args, env as Record<string, string>)).toThrow(refusal);
  });

  it('are in the help, and those of the local server are not', () => {
    expect(parseGatewayCommand({ args: ['--help'], env: {}, readFile: () => '' })).toEqual({ command: 'help' });
    expect(gatewayHelp()).toContain('--kafka-one-port');
    expect(gatewayHelp()).not.toMatch(/--port\b/);
    expect(gatewayHelp()).not.toMatch(/^ {2}--(?:port|data|cors-origin) /m);
  });
});
