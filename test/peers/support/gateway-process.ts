/** The Kafka gateway as a process of its own, as its container runs it, on DynamoDB Local and an S3 server. */
import { join } from 'node:path';
import { type AwsStorage, type ServingProcess, startServing } from './serving-process.ts';

const ENTRY = join(import.meta.dirname, '../../../container/gateway.ts');

export interface GatewayProcess extends Pick<ServingProcess, 'pid' | 'log' | 'stop' | 'kill'> {
  readonly port: number;
}

export interface GatewayProcessOptions {
  storage: AwsStorage;
  port: number;
  args?: readonly string[];
}

export async function startGatewayProcess({
  storage,
  port,
  args = [],
}: GatewayProcessOptions): Promise<GatewayProcess> {
  const gateway = await startServing(ENTRY, { storage, args: ['--kafka-port', String(port), ...args] });
  return { ...gateway, port: Number(/kafka=\S+:([0-9]+)/.exec(gateway.line)?.[1]) };
}
