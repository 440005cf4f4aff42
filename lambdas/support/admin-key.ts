/**
 * The first admin key of a deployment: a secret in Secrets Manager, `{"id","secret"}` (lib/infra/first-admin-key.ts).
 *
 * It is read when the first caller shows something that is not a stored key, so that no cold start waits for it, and
 * again every few minutes, so that a new value in Secrets Manager replaces the key. One signed HTTP request does it:
 * the signer is in the bundle anyway, the service's own SDK client is not.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Broker } from '../../lib/broker/broker.ts';
import {
  type Authenticator,
  type Credentials,
  createAuthenticator,
  type DeclaredKey,
} from '../../lib/broker/keys/authenticate.ts';
import { secretKeyId } from '../../lib/broker/keys/secrets.ts';
import { MillraceError } from '../../lib/kernel/errors.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';

export interface AdminKeyOptions {
  broker: Broker;
  secretArn: string;
  /** Where credentials, and the hash that signing needs, come from. */
  client: DynamoDBClient;
  /** In place of the service's own, as the SDK's variable AWS_ENDPOINT_URL_SECRETS_MANAGER says. */
  endpoint?: string;
}

/** Knows stored keys and the first admin key. */
export function authenticatorWithAdminKey(options: AdminKeyOptions): Authenticator {
  const { broker } = options;
  const stored = createAuthenticator({ broker });
  let declared: Promise<Authenticator> | undefined;
  let readAtMs = 0;

  const withAdminKey = (): Promise<Authenticator> => {
    const nowMs = broker.clock.monotonic();
    if (declared === undefined || nowMs - readAtMs > lambdaLimits.adminKeyCacheMs) {
      readAtMs = nowMs;
      const reading = readAdminKey(options).then((key) => createAuthenticator({ broker, staticKeys: [key] }));
      declared = reading;
      // The next caller tries again; this one gets the failure.
      reading.catch(() => {
        if (declared === reading) declared = undefined;
      });
    }
    return declared;
  };

  return {
    authenticate: async (credentials: Credentials) => {
      // A stored key's secret names itself; no other caller may wait for Secrets Manager.
      if (secretKeyId(credentials.secret) !== undefined) return stored.authenticate(credentials);
      return (await withAdminKey()).authenticate(credentials);
    },
  };
}

async function readAdminKey(options: AdminKeyOptions): Promise<DeclaredKey> {
  try {
    const key = keyOf(await getSecretValue(options));
    if (key === undefined) throw new Error('the secret is not JSON of the form {"id","secret"}');
    return key;
  } catch (cause) {
    const { secretArn, broker } = options;
    broker.log.error('The first admin key cannot be read', { secretArn, error: cause });
    throw new MillraceError('KAFKA_STORAGE_ERROR', 'The API key cannot be checked now.', { cause });
  }
}

/** Says nothing of what is wrong: a parser's error quotes its text, and this one is secret. */
function keyOf(text: string): DeclaredKey | undefined {
  try {
    const { id, secret } = JSON.parse(text) as Partial<DeclaredKey>;
    return typeof id === 'string' && typeof secret === 'string' && secret !== '' ? { id, secret } : undefined;
  } catch {
    return undefined;
  }
}

async function getSecretValue({ client, secretArn, endpoint }: AdminKeyOptions): Promise<string> {
  const [, partition = 'aws', , region = ''] = secretArn.split(':');
  const suffix = partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com';
  const url = new URL(endpoint ?? `https://secretsmanager.${region}.${suffix}`);
  const body = JSON.stringify({ SecretId: secretArn });
  const signer = new SignatureV4({
    service: 'secretsmanager',
    region,
    credentials: client.config.credentials,
    sha256: client.config.sha256,
  });
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    port: url.port === '' ? undefined : Number(url.port),
    path: '/',
    headers: {
      host: url.host,
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'secretsmanager.GetSecretValue',
    },
    body,
  });
  const signal = AbortSignal.timeout(lambdaLimits.adminKeyCallMsMax);
  const answer = await fetch(url, { method: 'POST', headers, body, signal });
  if (!answer.ok) throw new Error(`Secrets Manager answered ${answer.status}`);
  const { SecretString } = (await answer.json()) as { SecretString?: string };
  if (SecretString === undefined) throw new Error('the secret has no text');
  return SecretString;
}
