import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { describe, expect, test } from 'vitest';
import { makeImageDirectory } from '../../lib/infra/kafka-gateway-image.ts';
import { type KafkaGatewayOptions, parseKafkaGatewayOptions } from '../../lib/infra/kafka-gateway-options.ts';
import type { TenantOptions } from '../../lib/infra/tenant-stack.ts';
import { GATEWAY_METRICS } from '../../lib/kernel/gateway-metrics.ts';
import { serverLimits } from '../../lib/kernel/limits/server.ts';
import { carryOutBuildFile } from '../support/build-file.ts';
import {
  appWithoutBundling,
  flat,
  grantsOf,
  resource,
  resourcesOf,
  resourcesOfType,
  tenantStack,
  tenantTemplate,
  VARIANTS,
} from './support/synthesize.ts';

const KAFKA: KafkaGatewayOptions = { host: 'kafka.example.com', hostedZoneId: 'Z0123' };
const template = tenantTemplate({ kafka: KAFKA });

interface Container {
  Environment: { Name: string; Value: unknown }[];
  Secrets: { Name: string; ValueFrom: unknown }[];
}

function container(of = template): Container {
  const { Properties } = resource(of, 'AWS::ECS::TaskDefinition');
  const [only] = Properties['ContainerDefinitions'] as [Container];
  return only;
}

function variables(of = template): Record<string, string> {
  return Object.fromEntries(container(of).Environment.map(({ Name, Value }) => [Name, flat(Value)]));
}

test.each(VARIANTS)('nothing of it is there unless it is asked for: $ingress, $authorizer', (variant) => {
  const types = resourcesOf(tenantTemplate(variant)).map(([, { Type }]) => Type);
  expect(types.filter((type) => /::(?:ECS|EC2|ElasticLoadBalancingV2|ApplicationAutoScaling)::/.test(type))).toEqual(
    [],
  );
});

describe('the load balancer', () => {
  test('has a TLS listener for each virtual broker, and all lead to the same tasks', () => {
    const listeners = resourcesOfType(template, 'AWS::ElasticLoadBalancingV2::Listener').map(([, it]) => it.Properties);
    expect(listeners.map((it) => [it['Port'], it['Protocol']])).toEqual([
      [9_092, 'TLS'],
      [9_093, 'TLS'],
      [9_094, 'TLS'],
    ]);
    expect(new Set(listeners.map((it) => JSON.stringify(it['DefaultActions']))).size).toBe(1);
    expect(resourcesOfType(template, 'AWS::ElasticLoadBalancingV2::TargetGroup')).toHaveLength(1);
    expect(resourcesOfType(template, 'AWS::ElasticLoadBalancingV2::LoadBalancer')).toHaveLength(1);
  });

  test('hides the addresses of clients from tasks, which could not tell two of their connections apart', () => {
    const { Properties } = resource(template, 'AWS::ElasticLoadBalancingV2::TargetGroup');
    expect(Properties).toMatchObject({ Port: 9_092, Protocol: 'TCP', TargetType: 'ip', HealthCheckProtocol: 'TCP' });
    expect(Properties['TargetGroupAttributes']).toEqual(
      expect.arrayContaining([
        { Key: 'preserve_client_ip.enabled', Value: 'false' },
        { Key: 'deregistration_delay.timeout_seconds', Value: '60' },
      ]),
    );
  });

  test('is the only one that reaches the tasks, and lets in who may come', () => {
    const of = tenantTemplate({ kafka: { ...KAFKA, allowedCidrs: ['203.0.113.0/24'] } });
    const groups = resourcesOfType(of, 'AWS::EC2::SecurityGroup').map(
      ([, it]) => it.Properties['SecurityGroupIngress'],
    );
    expect(groups).toEqual(
      expect.arrayContaining([
        undefined,
        [expect.objectContaining({ CidrIp: '203.0.113.0/24', FromPort: 9_092, ToPort: 9_094 })],
      ]),
    );
    const ingress = resource(of, 'AWS::EC2::SecurityGroupIngress').Properties;
    expect(ingress).toMatchObject({ FromPort: 9_092, ToPort: 9_092 });
    expect(ingress['SourceSecurityGroupId']).toEqual({
      'Fn::GetAtt': [expect.stringContaining('ClientGroup'), 'GroupId'],
    });
  });

  test('has the name, with a certificate that the stack makes', () => {
    expect(resource(template, 'AWS::Route53::RecordSet').Properties).toMatchObject({
      Name: 'kafka.example.com',
      Type: 'A',
    });
    expect(resource(template, 'AWS::CertificateManager::Certificate').Properties).toMatchObject({
      DomainName: 'kafka.example.com',
      ValidationMethod: 'DNS',
    });
  });

  test('takes a certificate that is there, and leaves the name to others without a zone', () => {
    const certificateArn = 'arn:aws:acm:eu-central-1:123456789012:certificate/0f3a';
    const of = tenantTemplate({ kafka: { host: 'kafka.example.com', certificateArn } });
    expect(resourcesOfType(of, 'AWS::Route53::RecordSet', 'AWS::CertificateManager::Certificate')).toEqual([]);
    for (const [, { Properties }] of resourcesOfType(of, 'AWS::ElasticLoadBalancingV2::Listener')) {
      expect(Properties['Certificates']).toEqual([{ CertificateArn: certificateArn }]);
    }
  });
});

describe('a task', () => {
  test('is told of its storage, and to have all brokers of the load balancer behind one port', () => {
    const of = tenantTemplate({ kafka: { ...KAFKA, port: 19_092, brokers: 5, autoCreateTopics: false } });
    expect(variables(of)).toEqual({
      MILLRACE_TABLE: '<Table>',
      MILLRACE_BUCKET: '<BucketObjects>',
      MILLRACE_HOST: '0.0.0.0',
      KAFKA_PORT: '9092',
      MILLRACE_KAFKA_BROKERS: '5',
      MILLRACE_KAFKA_ONE_PORT: 'true',
      MILLRACE_KAFKA_ADVERTISED: 'kafka.example.com:19092',
      MILLRACE_AUTO_CREATE_TOPICS: 'false',
      MILLRACE_KAFKA_REPORT_MS: '60000',
    });
  });

  test('has the first admin key as a secret, so that nobody comes in without a key', () => {
    expect(container().Secrets.map(({ Name, ValueFrom }) => [Name, flat(ValueFrom)])).toEqual([
      ['MILLRACE_API_KEY', '<AdminKeySecret>:secret::'],
    ]);
  });

  test('writes nowhere, is nobody, speaks before the load balancer gives it up, and has the time to send clients away', () => {
    expect(container()).toMatchObject({
      ReadonlyRootFilesystem: true,
      User: '65532:65532',
      StopTimeout: 40,
      SystemControls: expect.arrayContaining([{ Namespace: 'net.ipv4.tcp_keepalive_time', Value: '60' }]),
    });
  });

  test('is ended only when it has had the time to answer what has begun, and to store what it has accepted', () => {
    const { StopTimeout } = container() as unknown as { StopTimeout: number };
    expect(StopTimeout * 1_000).toBeGreaterThanOrEqual(serverLimits.drainMsMax + 10_000);
    // Fargate allows no more.
    expect(StopTimeout).toBeLessThanOrEqual(120);
  });

  test('works on items and objects as the web function does, and on nothing else', () => {
    expect(grantsOf(template, 'KafkaRole')).toEqual([
      ...['ConditionCheckItem', 'DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'].map(
        (action) => `dynamodb:${action} <Table.Arn>`,
      ),
      's3:GetObject <BucketObjects.Arn>/*',
      's3:ListBucket <BucketObjects.Arn>',
      's3:PutObject <BucketObjects.Arn>/*',
    ]);
  });
});

describe('the service', () => {
  test('goes back to what ran before when a deployment does not start', () => {
    expect(resource(template, 'AWS::ECS::Service').Properties).toMatchObject({
      DesiredCount: 2,
      LaunchType: 'FARGATE',
      DeploymentConfiguration: {
        MinimumHealthyPercent: 100,
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
      },
    });
  });

  test('grows with processor and memory, within its bounds', () => {
    const of = tenantTemplate({ kafka: { ...KAFKA, tasksMin: 3, tasksMax: 7 } });
    expect(resource(of, 'AWS::ApplicationAutoScaling::ScalableTarget').Properties).toMatchObject({
      MinCapacity: 3,
      MaxCapacity: 7,
    });
    const policies = resourcesOfType(of, 'AWS::ApplicationAutoScaling::ScalingPolicy').map(
      ([, it]) => it.Properties['TargetTrackingScalingPolicyConfiguration'],
    );
    expect(policies).toEqual([
      expect.objectContaining({
        PredefinedMetricSpecification: { PredefinedMetricType: 'ECSServiceAverageCPUUtilization' },
        TargetValue: 60,
      }),
      expect.objectContaining({
        PredefinedMetricSpecification: { PredefinedMetricType: 'ECSServiceAverageMemoryUtilization' },
        TargetValue: 70,
      }),
    ]);
  });

  test('is in the private subnets of a VPC that is given, which has no other resource made for it', () => {
    const app = appWithoutBundling();
    const vpc = new Vpc(new Stack(app, 'Network'), 'Vpc');
    const of = Template.fromStack(tenantStack({ kafka: { ...KAFKA, vpc, internal: true } }, 'acme', app));
    expect(resourcesOfType(of, 'AWS::EC2::VPC', 'AWS::EC2::Subnet', 'AWS::EC2::NatGateway')).toEqual([]);
    expect(resource(of, 'AWS::ElasticLoadBalancingV2::LoadBalancer').Properties).toMatchObject({ Scheme: 'internal' });
    expect(resource(of, 'AWS::ECS::Service').Properties['NetworkConfiguration']).toMatchObject({
      AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' },
    });
  });

  test('has no NAT gateway in a VPC of its own', () => {
    expect(resourcesOfType(template, 'AWS::EC2::VPC')).toHaveLength(1);
    expect(resourcesOfType(template, 'AWS::EC2::NatGateway')).toEqual([]);
    expect(resourcesOfType(template, 'AWS::EC2::VPCEndpoint')).toHaveLength(2);
  });
});

test('each count of its log is a metric of the tenant, where it is not 0', () => {
  const filters = resourcesOfType(template, 'AWS::Logs::MetricFilter').map(([, { Properties }]) => {
    const [made] = Properties['MetricTransformations'] as [{ MetricName: string; MetricValue: string }];
    return [made.MetricName, Properties['FilterPattern'], made.MetricValue];
  });
  expect(filters).toEqual([
    ['KafkaGatewayErrors-acme', '{ $.level = "error" }', '1'],
    ...Object.entries(GATEWAY_METRICS).map(([count, name]) => [
      `${name}-acme`,
      `{ $.kafka.${count} > 0 }`,
      `$.kafka.${count}`,
    ]),
  ]);
});

test('the outputs say where clients begin', () => {
  const outputs = template.findOutputs('*') as Record<string, { Value: unknown }>;
  expect(outputs['KafkaBootstrapServers']?.Value).toBe(
    'kafka.example.com:9092,kafka.example.com:9093,kafka.example.com:9094',
  );
  expect(outputs).toHaveProperty('KafkaLoadBalancer');
});

describe('options', () => {
  test.each<[Partial<KafkaGatewayOptions>, RegExp]>([
    [{ host: 'localhost' }, /kafka.host is "localhost"/],
    [{ hostedZoneId: undefined }, /certificateArn, or a hostedZoneId/],
    [{ brokers: 0 }, /kafka.brokers is 0; it is a whole number from 1 to 20/],
    [{ memoryMiB: 512 }, /kafka.memoryMiB is 512/],
    [{ cpu: 1_000 }, /kafka.cpu is 1000; it is one of 256/],
    [{ tasksMin: 3, tasksMax: 2 }, /kafka.tasksMin is 3, and kafka.tasksMax 2/],
    [{ port: 65_535 }, /kafka.port is 65535, too high for 3 brokers/],
    [{ internal: true }, /kafka.internal needs a vpc/],
  ])('refuses %o with the rule', (options, message) => {
    expect(() => tenantStack({ kafka: { ...KAFKA, ...options } })).toThrow(message);
  });

  test('refuses IAM, which Kafka’s clients know nothing of', () => {
    const options: TenantOptions = { kafka: KAFKA, authorizer: 'iam' };
    expect(() => tenantStack(options)).toThrow(/kafka needs the authorizer api-keys/);
  });

  test.each([
    ['kafka.example.com', /kafka is "kafka.example.com"; it is an object/],
    [{ ...KAFKA, racks: 3 }, /unknown option "racks"/],
    [{ ...KAFKA, vpc: 'vpc-1' }, /unknown option "vpc"/],
    [{ ...KAFKA, brokers: '3' }, /kafka.brokers is "3"; it is a number/],
    [{ ...KAFKA, allowedCidrs: '10.0.0.0/8' }, /it is a list of text/],
  ])('in a context refuse %j', (value, message) => {
    expect(() => parseKafkaGatewayOptions(value)).toThrow(message);
  });

  test('are taken from a context', () => {
    const options = { ...KAFKA, brokers: 1, allowedCidrs: ['10.0.0.0/8'], autoCreateTopics: false };
    expect(parseKafkaGatewayOptions(options)).toEqual(options);
  });
});

test('the image is made from the build file and one program, which starts as the build file says', () => {
  const made = ['gateway-image-', 'gateway-root-'].map((name) => mkdtempSync(join(tmpdir(), name)));
  const [directory, root] = made as [string, string];
  try {
    makeImageDirectory(join(import.meta.dirname, '../../container'), directory);
    const image = carryOutBuildFile(directory, root);
    expect(image.user).toEqual({ uid: 65_532, gid: 65_532 });
    expect(image.ports).toEqual([Number(image.env['KAFKA_PORT'])]);
    // The same major version as here, where all tests run.
    expect(image.base).toContain(`nodejs${process.versions.node.split('.')[0]}-`);
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [...image.command, ...args], {
        cwd: image.workingDirectory,
        // Somebody has to say who may come in, since the build file has it listen on all interfaces.
        env: { ...image.env, MILLRACE_API_KEY: 'a-secret-of-more-than-32-characters' },
        encoding: 'utf8',
      });
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('millrace gateway') as string });
    const { status, stderr } = run();
    expect(stderr).toContain('set MILLRACE_TABLE and MILLRACE_BUCKET');
    expect(status).toBe(2);
  } finally {
    for (const one of made) rmSync(one, { recursive: true, force: true });
  }
});
