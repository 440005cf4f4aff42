import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  ContainerImage,
  CpuArchitecture,
  Ec2TaskDefinition,
  FargateTaskDefinition,
  NetworkMode,
} from 'aws-cdk-lib/aws-ecs';
import { describe, expect, test } from 'vitest';
import type { KafkaSidecarOptions } from '../../lib/infra/kafka-sidecar.ts';
import type { TenantOptions } from '../../lib/infra/tenant-stack.ts';
import { findings } from './support/findings.ts';
import { appWithoutBundling, asArray, resource, statementsOf, tenantStack } from './support/synthesize.ts';

/** A task in a stack of its own, with a container that speaks to the gateway beside it. */
function withSidecar(options: KafkaSidecarOptions = {}, tenant: TenantOptions = {}) {
  const app = appWithoutBundling();
  const backend = tenantStack(tenant, 'acme', app);
  const stack = new Stack(app, 'Orders');
  const task = new FargateTaskDefinition(stack, 'Task', { cpu: 512, memoryLimitMiB: 1_024 });
  const client = task.addContainer('Client', { image: ContainerImage.fromRegistry('client') });
  const gateway = backend.addKafkaSidecar(task, options);
  client.addContainerDependencies({ container: gateway });
  const template = Template.fromStack(stack);
  const containers = resource(template, 'AWS::ECS::TaskDefinition').Properties['ContainerDefinitions'] as {
    Name: string;
    Environment?: { Name: string; Value: unknown }[];
  }[];
  const sidecar = containers.find(({ Name }) => Name === 'Millrace');
  return {
    app,
    template,
    sidecar,
    variables: Object.fromEntries((sidecar?.Environment ?? []).map(({ Name, Value }) => [Name, Value])),
  };
}

describe('a gateway beside a client', () => {
  test('listens on loopback, where it asks nobody who they are, and has the tenant’s stores', () => {
    const { variables, sidecar } = withSidecar({ port: 19_092, autoCreateTopics: false });
    expect(variables).toMatchObject({
      MILLRACE_HOST: '127.0.0.1',
      KAFKA_PORT: '19092',
      MILLRACE_AUTO_CREATE_TOPICS: 'false',
      MILLRACE_TABLE: expect.anything() as unknown,
      MILLRACE_BUCKET: expect.anything() as unknown,
      AWS_REGION: { Ref: 'AWS::Region' },
    });
    expect(sidecar).toMatchObject({ ReadonlyRootFilesystem: true, User: '65532:65532', StopTimeout: 40 });
    expect(sidecar).not.toHaveProperty('Secrets');
    expect(sidecar).not.toHaveProperty('PortMappings');
  });

  test('gives the task what a gateway of its own may do, which cdk-nag has nothing against', () => {
    const { app, template } = withSidecar();
    const actions = statementsOf(resource(template, 'AWS::IAM::Policy', 'TaskTaskRole')).flatMap(({ Action }) =>
      asArray(Action),
    );
    expect(actions).toEqual([
      ...['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'].map(
        (action) => `dynamodb:${action}`,
      ),
      's3:GetObject',
      's3:PutObject',
      's3:ListBucket',
    ]);
    expect(findings(app).filter((finding) => finding.includes('IAM5') && finding.includes('TaskRole'))).toEqual([]);
  });

  test('may use the key of a tenant that has one', () => {
    const { template } = withSidecar({}, { encryption: 'tenant-key' });
    const statements = statementsOf(resource(template, 'AWS::IAM::Policy', 'TaskTaskRole'));
    expect(statements.flatMap(({ Action }) => asArray(Action))).toContain('kms:Decrypt');
  });

  test('is of another image, or for another architecture, where it is told so', () => {
    const image = ContainerImage.fromRegistry('elsewhere/gateway');
    expect(withSidecar({ image }).sidecar).toMatchObject({ Image: 'elsewhere/gateway' });
    const [arm, x86] = [withSidecar(), withSidecar({ architecture: CpuArchitecture.X86_64 })];
    expect(arm.sidecar).not.toEqual(x86.sidecar);
  });

  test('is refused where containers share no loopback, or where there are replicas', () => {
    const app = appWithoutBundling();
    const task = new Ec2TaskDefinition(new Stack(app, 'Shared'), 'Task', { networkMode: NetworkMode.BRIDGE });
    expect(() => tenantStack({}, 'acme', app).addKafkaSidecar(task)).toThrow(/Shared\/Task has no network of its own/);
    expect(() => withSidecar({}, { replicas: ['use1-az4', 'use1-az5'] })).toThrow(/use the option kafka/);
  });
});
