import { Duration } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  type IVpc,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import {
  Cluster,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  LogDriver,
  OperatingSystemFamily,
  Secret as TaskSecret,
} from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import { KafkaGatewayEntrance } from './kafka-gateway-entrance.ts';
import { kafkaGatewayImage } from './kafka-gateway-image.ts';
import { KafkaGatewayMetrics, REPORT_MS } from './kafka-gateway-metrics.ts';
import { checkKafkaGatewayOptions, type KafkaGatewayOptions, withDefaults } from './kafka-gateway-options.ts';
import { logRetention } from './log-retention.ts';
import {
  acknowledgeObjectNames,
  type BackendProps,
  backendStatements,
  storageEnvironment,
} from './millrace-functions.ts';
import { OptionError } from './option-error.ts';
import { removalPolicy } from './removal.ts';

export interface KafkaGatewayProps extends BackendProps, KafkaGatewayOptions {}

/** In the container, whatever the ports of the load balancer are. */
const TASK_PORT = 9_092;

/** Nobody, who writes nowhere. */
export const CONTAINER_USER = { readonlyRootFilesystem: true, user: '65532:65532' };

/** The gateway takes 25 s at most to send its clients away, and a little to end. */
export const STOP_TIMEOUT = Duration.seconds(40);

/**
 * Silent connections are given up by the load balancer after 350 s, which cannot be changed for TLS. Clients of Kafka
 * are silent for nine minutes before they close one themselves, so the kernel speaks up before.
 */
const KEEPALIVE_SECONDS = 60;

/**
 * The tenant's table and bucket as brokers of Kafka, for clients that speak Kafka's protocol: tasks on Fargate
 * (`container/`) behind a network load balancer with TLS. Unlike all else of a tenant it costs money while nobody
 * calls, so that it is there only where it is asked for.
 *
 * Tasks hold nothing and know nothing of each other: any answers for any topic, partition and group, so that they come
 * and go with the load. Who clients are, they say by SASL, by the tenant's API keys; the first admin key comes to a
 * task as a secret that ECS reads.
 */
export class KafkaGateway extends Construct {
  readonly vpc: IVpc;
  readonly entrance: KafkaGatewayEntrance;
  readonly service: FargateService;
  readonly role: Role;
  readonly metrics: KafkaGatewayMetrics;
  /** Where clients begin (`bootstrap.servers`). */
  readonly bootstrapServers: string;

  constructor(scope: Construct, id: string, given: KafkaGatewayProps) {
    super(scope, id);
    checkKafkaGatewayOptions(given);
    const props = withDefaults(given);
    if (props.adminKey === undefined) {
      throw new OptionError('kafka needs the authorizer api-keys: clients of Kafka say who they are by these keys.');
    }
    const { host, port, brokers, tasksMin } = props;
    const ports = Array.from({ length: brokers }, (_, index) => port + index);
    this.bootstrapServers = ports.map((one) => `${host}:${one}`).join(',');
    this.vpc = props.vpc ?? this.addVpc(props);
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com') });
    for (const statement of backendStatements('kafka-gateway', props)) this.role.addToPolicy(statement);
    acknowledgeObjectNames(this.role, 'kafka-gateway', props.bucket);
    props.replicas?.acknowledgeObjectNames(this.role, 'kafka-gateway');
    this.entrance = new KafkaGatewayEntrance(this, 'Entrance', { ...props, vpc: this.vpc, ports, taskPort: TASK_PORT });
    const cluster = new Cluster(this, 'Cluster', { vpc: this.vpc });
    acknowledge(
      cluster,
      'AwsSolutions-ECS4',
      "Container Insights bills a metric by the hour for each task; processor and memory of the service are in ECS's own, which are free.",
    );
    const logGroup = this.addLogs(props);
    const hasPrivate = this.vpc.privateSubnets.length > 0;
    this.service = new FargateService(this, 'Service', {
      cluster,
      taskDefinition: this.addTask(props, { ports, logGroup }),
      desiredCount: tasksMin,
      // All that run go on until as many new ones are there.
      minHealthyPercent: 100,
      circuitBreaker: { rollback: true },
      // Without a way out by a NAT gateway, a public address is what reaches the registry and the logs.
      vpcSubnets: { subnetType: hasPrivate ? SubnetType.PRIVATE_WITH_EGRESS : SubnetType.PUBLIC },
      assignPublicIp: !hasPrivate,
      securityGroups: [this.entrance.taskGroup],
    });
    this.service.node.addDependency(this.role);
    this.service.attachToNetworkTargetGroup(this.entrance.targets);
    this.addScaling(tasksMin, props.tasksMax);
    const { service } = this;
    this.metrics = new KafkaGatewayMetrics(this, 'Metrics', {
      tenant: props.tenant,
      service,
      loadBalancer: this.entrance.loadBalancer,
      targets: this.entrance.targets,
      logGroup,
      tasksMin,
    });
  }

  /**
   * Public subnets only: a NAT gateway would cost more than two tasks. DynamoDB and S3 are reached within AWS, without
   * charge.
   */
  private addVpc({ logRetentionDays = 90 }: KafkaGatewayProps): Vpc {
    const vpc = new Vpc(this, 'Vpc', {
      maxAzs: 2,
      natGateways: 0,
      subnetConfiguration: [{ name: 'Public', subnetType: SubnetType.PUBLIC, cidrMask: 24 }],
      gatewayEndpoints: {
        DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
        S3: { service: GatewayVpcEndpointAwsService.S3 },
      },
      // Nothing is in it; CDK would run a function to empty it.
      restrictDefaultSecurityGroup: false,
    });
    const logs = new LogGroup(this, 'FlowLogs', {
      retention: logRetention(logRetentionDays),
      removalPolicy: removalPolicy('destroy'),
    });
    vpc.addFlowLog('Refused', {
      destination: FlowLogDestination.toCloudWatchLogs(logs),
      trafficType: FlowLogTrafficType.REJECT,
    });
    return vpc;
  }

  private addLogs({ logRetentionDays = 90 }: KafkaGatewayProps): LogGroup {
    return new LogGroup(this, 'Logs', {
      retention: logRetention(logRetentionDays),
      removalPolicy: removalPolicy('destroy'),
    });
  }

  private addTask(
    props: KafkaGatewayProps,
    { ports, logGroup }: { ports: readonly number[]; logGroup: LogGroup },
  ): FargateTaskDefinition {
    const { host, adminKey, autoCreateTopics = true } = props;
    const task = new FargateTaskDefinition(this, 'Task', {
      taskRole: this.role,
      cpu: props.cpu ?? 1_024,
      memoryLimitMiB: props.memoryMiB ?? 2_048,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.ARM64, operatingSystemFamily: OperatingSystemFamily.LINUX },
    });
    task.addContainer('Gateway', {
      image: props.image ?? kafkaGatewayImage(this),
      ...CONTAINER_USER,
      portMappings: [{ containerPort: TASK_PORT }],
      environment: {
        ...storageEnvironment(props),
        MILLRACE_HOST: '0.0.0.0',
        KAFKA_PORT: String(TASK_PORT),
        MILLRACE_KAFKA_BROKERS: String(ports.length),
        MILLRACE_KAFKA_ONE_PORT: 'true',
        MILLRACE_KAFKA_ADVERTISED: `${host}:${ports[0]}`,
        MILLRACE_AUTO_CREATE_TOPICS: String(autoCreateTopics),
        MILLRACE_KAFKA_REPORT_MS: String(REPORT_MS),
      },
      ...(adminKey !== undefined && {
        secrets: { MILLRACE_API_KEY: TaskSecret.fromSecretsManager(adminKey, 'secret') },
      }),
      logging: LogDriver.awsLogs({ streamPrefix: 'gateway', logGroup }),
      stopTimeout: STOP_TIMEOUT,
      systemControls: [
        { namespace: 'net.ipv4.tcp_keepalive_time', value: String(KEEPALIVE_SECONDS) },
        { namespace: 'net.ipv4.tcp_keepalive_intvl', value: String(KEEPALIVE_SECONDS) },
      ],
    });
    acknowledge(
      task,
      'AwsSolutions-ECS2',
      'The variables name table, bucket and address; the one secret, the first admin key, comes from Secrets Manager.',
    );
    acknowledge(
      task,
      'AwsSolutions-IAM5[Resource::*]',
      'ecr:GetAuthorizationToken supports no resource-level permissions (AWS Service Authorization Reference, ECR).',
    );
    return task;
  }

  /** Connections stay where they are, so what they cost is looked at, their memory, and not how many there are. */
  private addScaling(minCapacity: number, maxCapacity: number): void {
    const scaling = this.service.autoScaleTaskCount({ minCapacity, maxCapacity });
    scaling.scaleOnCpuUtilization('Cpu', { targetUtilizationPercent: 60 });
    scaling.scaleOnMemoryUtilization('Memory', { targetUtilizationPercent: 70 });
  }
}
