/** From a function's environment to the HTTP door: the broker, the routes, and who checks callers. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Broker } from '../../lib/broker/broker.ts';
import { type Authenticator, createAuthenticator } from '../../lib/broker/keys/authenticate.ts';
import { createDoor, type Door, type DoorOptions } from '../../lib/http/door.ts';
import { systemClock } from '../../lib/kernel/clock.ts';
import { lambdaLimits } from '../../lib/kernel/limits/lambda.ts';
import { systemRandom } from '../../lib/kernel/random.ts';
import { authenticatorWithAdminKey } from './admin-key.ts';
import { type BrokerBackend, createBrokerBackend } from './broker-backend.ts';
import type { LambdaEnvironment } from './environment.ts';

export interface Backend extends BrokerBackend {
  door: Door;
}

/** Mounts a group of routes onto a door: `mountProduce` and its like. */
type Mount = (door: Door) => void;

export interface BackendOptions {
  /** The function's name in logs and metrics, unless POWERTOOLS_SERVICE_NAME says another. */
  service: string;
  routes: readonly Mount[];
  door?: Partial<Pick<DoorOptions, 'streaming' | 'liveTailMsMax' | 'draining' | 'targetPolicy'>>;
}

/** Connects to nothing yet. Throws where the environment is wrong, which ends the function's init phase. */
export function createBackend({ service, routes, door: doorOptions }: BackendOptions): Backend {
  const backend = createBrokerBackend(service);
  const { environment, broker, telemetry, dynamo } = backend;
  const door = createDoor({
    broker,
    clock: systemClock,
    random: systemRandom,
    ...callers(environment, broker, dynamo),
    cors: environment.corsOrigins.length === 0 ? undefined : { origins: environment.corsOrigins },
    streaming: environment.streaming,
    liveTailMsMax: lambdaLimits.lambdaLiveTailMsMax,
    log: telemetry.log,
    ...doorOptions,
  });
  for (const mount of routes) mount(door);
  return { ...backend, door };
}

function callers(
  { authorizer, adminKeySecretArn }: LambdaEnvironment,
  broker: Broker,
  client: DynamoDBClient,
): { callersChecked: true } | { authenticator: Authenticator } {
  // The gateway has let nobody in without a signature that IAM allows.
  if (authorizer === 'iam') return { callersChecked: true };
  if (adminKeySecretArn === undefined) return { authenticator: createAuthenticator({ broker }) };
  const endpoint = process.env['AWS_ENDPOINT_URL_SECRETS_MANAGER'];
  return { authenticator: authenticatorWithAdminKey({ broker, client, secretArn: adminKeySecretArn, endpoint }) };
}
