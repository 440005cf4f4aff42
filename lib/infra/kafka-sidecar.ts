import {
  type ContainerDefinition,
  type ContainerImage,
  CpuArchitecture,
  type LogDriver,
  NetworkMode,
  type TaskDefinition,
} from 'aws-cdk-lib/aws-ecs';
import { acknowledgeImportedWildcard } from './acknowledge.ts';
import { CONTAINER_USER, STOP_TIMEOUT } from './kafka-gateway.ts';
import { kafkaGatewayImage } from './kafka-gateway-image.ts';
import { type BackendProps, backendStatements, storageEnvironment } from './millrace-functions.ts';
import { OptionError } from './option-error.ts';

export interface KafkaSidecarOptions {
  /** On loopback. Default 9092. */
  readonly port?: number;
  /** Of the task. Default: ARM64. */
  readonly architecture?: CpuArchitecture;
  /** Default: built from this package when the stack is deployed, which takes Docker. */
  readonly image?: ContainerImage;
  /** Where its log goes. Default: nowhere. */
  readonly logging?: LogDriver;
  /** Whether topics are made by asking for them (`auto.create.topics.enable`). Default true. */
  readonly autoCreateTopics?: boolean;
}

/**
 * A gateway beside the other containers of a task, which are its only clients: they share loopback, so that it asks
 * nobody who they are and needs no TLS. The task's role may then do with the tenant's table and bucket what the tasks
 * of a gateway of its own may.
 */
export function addKafkaSidecar(
  task: TaskDefinition,
  backend: BackendProps,
  { port = 9_092, architecture = CpuArchitecture.ARM64, image, logging, autoCreateTopics = true }: KafkaSidecarOptions,
): ContainerDefinition {
  if (task.networkMode !== NetworkMode.AWS_VPC) {
    throw new OptionError(
      `${task.node.path} has no network of its own, in which its containers share loopback: awsvpc.`,
    );
  }
  if (backend.replicas !== undefined) {
    throw new OptionError(`${task.node.path} cannot have a gateway of a tenant with replicas: use the option kafka.`);
  }
  for (const statement of backendStatements('kafka-gateway', backend)) task.addToTaskRolePolicy(statement);
  const { bucket } = backend;
  acknowledgeImportedWildcard(
    task.taskRole,
    bucket.arnForObjects('*'),
    { owner: bucket, value: bucket.bucketArn },
    "Object names are made at run time (birth time and random bits). The actions are single ones, and the bucket is the tenant's own.",
  );
  return task.addContainer('Millrace', {
    image: image ?? kafkaGatewayImage(task, architecture),
    ...CONTAINER_USER,
    environment: {
      ...storageEnvironment(backend),
      // ECS sets that of the task, which may be another.
      AWS_REGION: bucket.env.region,
      MILLRACE_HOST: '127.0.0.1',
      KAFKA_PORT: String(port),
      MILLRACE_AUTO_CREATE_TOPICS: String(autoCreateTopics),
    },
    ...(logging !== undefined && { logging }),
    stopTimeout: STOP_TIMEOUT,
  });
}
