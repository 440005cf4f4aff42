/**
 * A tenant's functions as they are deployed: built bundles over DynamoDB Local and an S3 server, with its first key.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleLambdas } from '../../../lib/infra/bundling.ts';
import { type Dynamo, makeDynamo } from './dynamo.ts';
import { dynamoDbLocalMissing } from './dynamodb-local.ts';
import { type ExecutionEnvironment, runtimeInterfaceClientMissing, startEnvironment } from './execution-environment.ts';
import { makeS3, type S3 } from './s3.ts';
import { S3RVER_BUCKET, type S3ServerKind, s3ServerMissing } from './s3-server.ts';
import { type SecretsManager, startSecretsManager } from './secrets-manager.ts';

/** Why functions can't run on this machine, or `undefined` where they can. */
export function functionsMissing(): string | undefined {
  return runtimeInterfaceClientMissing() ?? dynamoDbLocalMissing() ?? s3ServerMissing();
}

export const ADMIN_KEY = { id: 'admin', secret: 'a'.repeat(43) };

const SECRET_ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:AdminKey-AbCdEf';

export type FunctionName =
  | 'produce'
  | 'fetch'
  | 'groups'
  | 'topics'
  | 'web'
  | 'maintenance'
  | 'triggers'
  | 'router'
  | 'dispatcher'
  | 'trigger-sweeper';

export interface Functions {
  dynamo: Dynamo;
  s3: S3;
  table: string;
  secrets: SecretsManager;
  /** The built file of a function. */
  file(name: FunctionName): string;
  /** What a function's environment has beside the platform's variables. */
  variables(name: FunctionName): Record<string, string>;
  /** An environment of its own; ended with `close`, unless it was before. */
  start(name: FunctionName, variables?: Record<string, string>): Promise<ExecutionEnvironment>;
  close(): Promise<void>;
}

/** The default S3 server looks at no signature, so that it serves what presigned URLs do not allow. */
export async function makeFunctions(s3Kind: S3ServerKind = 'fauxqs'): Promise<Functions> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-lambdas-'));
  bundleLambdas(join(import.meta.dirname, '../../../lambdas'), directory);
  const [dynamo, s3, secrets] = await Promise.all([
    makeDynamo(),
    makeS3(s3Kind),
    startSecretsManager(SECRET_ARN, JSON.stringify(ADMIN_KEY)),
  ]);
  const table = await dynamo.makeTable();
  const bucket = s3Kind === 's3rver' ? S3RVER_BUCKET : await s3.makeBucket();
  const started: ExecutionEnvironment[] = [];
  const file = (name: FunctionName) => join(directory, name, 'index.mjs');
  const variables = (name: FunctionName) => ({
    MILLRACE_TENANT: 'acme',
    MILLRACE_TABLE: table,
    MILLRACE_BUCKET: bucket,
    MILLRACE_AUTHORIZER: 'api-keys',
    POWERTOOLS_SERVICE_NAME: `millrace-${name}`,
    POWERTOOLS_METRICS_NAMESPACE: 'Millrace',
    NODE_OPTIONS: '--enable-source-maps',
    AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.endpoint,
    ...(name === 'topics' || name === 'web' ? { MILLRACE_ADMIN_KEY_SECRET_ARN: SECRET_ARN } : {}),
  });
  return {
    dynamo,
    s3,
    table,
    secrets,
    file,
    variables,
    start: async (name, more = {}) => {
      const environment = await startEnvironment({
        file: file(name),
        functionName: `millrace-${name}`,
        variables: { ...variables(name), ...more },
      });
      started.push(environment);
      return environment;
    },
    close: async () => {
      await Promise.all(started.map((environment) => environment.kill()));
      await Promise.all([dynamo.close(), s3.close(), secrets.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
