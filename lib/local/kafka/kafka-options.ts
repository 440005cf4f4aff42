/**
 * What the server and the gateway are told about Kafka's protocol, by the flags and variables that begin with its name.
 */
import { groupLimits } from '../../kernel/limits/groups.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { serverLimits } from '../../kernel/limits/server.ts';
import { topicLimits } from '../../kernel/limits/topics.ts';
import { isLoopback } from '../loopback.ts';
import { OptionsError, type Settings } from '../settings.ts';
import type { LocalKafkaOptions } from './kafka-gateway.ts';
import type { TlsFiles } from './tls-files.ts';
import type { TokenSource } from './token-source.ts';
import { type AdvertisedAddress, parseAdvertised } from './virtual-brokers.ts';

const PORT_MAX = 65_535;

/** Who takes any free port for HTTP means no particular one for Kafka either. */
export function kafkaOptions(settings: Settings, httpPort: number): LocalKafkaOptions {
  const given = settings.number('kafka-port', 0, PORT_MAX);
  const required = settings.values('kafka-port').length > 0;
  const port = required || httpPort > 0 ? given : 0;
  const tls = kafkaTls(settings);
  const tokens = tokenSource(settings);
  const sessionMsMax = settings.number('kafka-session-ms-max', 0, Number.MAX_SAFE_INTEGER);
  const reportMs = settings.number('kafka-report-ms', 0, serverLimits.reportMsMax);
  const { groupRebalanceTimeoutMsMax } = groupLimits;
  const initialRebalanceDelayMs = settings.number('kafka-initial-rebalance-ms', 0, groupRebalanceTimeoutMsMax);
  return {
    host: settings.text('host'),
    port,
    ...virtualBrokersIn(settings, port),
    required,
    autoCreate: {
      enabled: settings.on('auto-create-topics'),
      partitions: settings.number('num-partitions', 1, topicLimits.partitionsPerTopicMax),
    },
    ...(initialRebalanceDelayMs > 0 && { initialRebalanceDelayMs }),
    ...(sessionMsMax > 0 && { sessionMsMax }),
    ...(reportMs > 0 && { reportMs }),
    ...(tls !== undefined && { tls }),
    ...(tokens !== undefined && { tokens }),
  };
}

function virtualBrokersIn(
  settings: Settings,
  port: number,
): Pick<LocalKafkaOptions, 'brokers' | 'nodeId' | 'onePort' | 'advertised' | 'racks'> {
  const brokers = settings.number('kafka-brokers', 1, kafkaLimits.kafkaVirtualBrokersMax);
  const isOneOfSeveral = settings.values('kafka-node-id').length > 0;
  const advertised = settings.list('kafka-advertised').map(advertisedAddress);
  const racks = settings.list('kafka-rack').map(({ source, value }) => {
    if (/^[\x21-\x7e]{1,255}$/.test(value)) return value;
    throw new OptionsError(`${source} has "${value}", not a rack: a name without spaces`);
  });
  for (const [name, { length }] of Object.entries({ 'kafka-advertised': advertised, 'kafka-rack': racks })) {
    if (length <= 1 || length === brokers) continue;
    throw new OptionsError(`--${name} lists ${length} for ${brokers} virtual brokers: give one for each, or one`);
  }
  const onePort = settings.on('kafka-one-port');
  const hasPorts = advertised.length > 0 && advertised.every((address) => address.port !== undefined);
  if (onePort && brokers > 1 && !hasPorts) {
    throw new OptionsError(
      `--kafka-one-port with ${brokers} virtual brokers needs --kafka-advertised with a port: clients tell brokers apart by their addresses`,
    );
  }
  const ports = [
    onePort ? 0 : port,
    ...(advertised.length === 1 ? advertised.map((address) => address.port ?? 0) : []),
  ];
  const beyond = ports.find((first) => first + brokers - 1 > PORT_MAX);
  if (beyond !== undefined) {
    throw new OptionsError(`${brokers} virtual brokers on ports from ${beyond} on would need ports above ${PORT_MAX}`);
  }
  return {
    brokers,
    ...(isOneOfSeveral && { nodeId: settings.number('kafka-node-id', 0, kafkaLimits.kafkaNodeIdMax) }),
    ...(onePort && { onePort }),
    ...(advertised.length > 0 && { advertised }),
    ...(racks.length > 0 && { racks }),
  };
}

function advertisedAddress({ source, value }: { source: string; value: string }): AdvertisedAddress {
  const address = parseAdvertised(value);
  if (address !== undefined) return address;
  throw new OptionsError(
    `${source} has "${value}", not an address that clients can connect to, like kafka.example.com or 10.0.0.1:9092, without a protocol`,
  );
}

function kafkaTls(settings: Settings): TlsFiles | undefined {
  const [cert, key, clientCa] = (['kafka-tls-cert', 'kafka-tls-key', 'kafka-tls-client-ca'] as const).map((name) =>
    settings.optional(name),
  );
  if (cert !== undefined && key !== undefined) return { cert, key, ...(clientCa !== undefined && { clientCa }) };
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  throw new OptionsError("Kafka's protocol over TLS needs both --kafka-tls-cert and --kafka-tls-key");
}

function tokenSource(settings: Settings): TokenSource | undefined {
  const [keys, issuer, audience] = (['kafka-oauth-keys', 'kafka-oauth-issuer', 'kafka-oauth-audience'] as const).map(
    (name) => settings.optional(name),
  );
  if (keys === undefined && issuer === undefined && audience === undefined) return undefined;
  if (keys === undefined || issuer === undefined || audience === undefined) {
    throw new OptionsError('tokens need all of --kafka-oauth-keys, --kafka-oauth-issuer and --kafka-oauth-audience');
  }
  if (/^[a-z]+:/i.test(keys) && !isTrustedUrl(keys)) {
    throw new OptionsError(`--kafka-oauth-keys is "${keys}", neither a file nor an https URL`);
  }
  return {
    keys,
    issuer,
    audience,
    principalClaim: settings.text('kafka-oauth-principal-claim'),
    scopeClaim: settings.text('kafka-oauth-scope-claim'),
    scopePrefix: settings.optional('kafka-oauth-scope-prefix') ?? '',
  };
}

/** Nobody on the way can put keys of their own into the answer. */
function isTrustedUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[(.*)\]$/, '$1')));
}
