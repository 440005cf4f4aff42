import { Duration } from 'aws-cdk-lib';
import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager';
import { type IVpc, Peer, Port, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import {
  NetworkLoadBalancer,
  NetworkTargetGroup,
  Protocol,
  SslPolicy,
  TargetType,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { CfnRecordSet, HostedZone } from 'aws-cdk-lib/aws-route53';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';
import type { KafkaGatewayOptions } from './kafka-gateway-options.ts';

export interface KafkaGatewayEntranceProps extends KafkaGatewayOptions {
  tenant: string;
  vpc: IVpc;
  internal: boolean;
  /** Of the virtual brokers, one listener each. */
  ports: readonly number[];
  /** Where a task listens. */
  taskPort: number;
}

/**
 * How long a task that is to stop is still given connections by those who have not heard of it. Its clients stay until
 * then: it is only after that that it is told to stop, and sends them away itself, each between two requests.
 */
const DEREGISTRATION_DELAY = Duration.seconds(60);

/**
 * How clients come in: a network load balancer with TLS and a listener for each virtual broker, all of which lead to
 * the same tasks.
 *
 * - **One target group for all listeners.** Which broker a client means does not matter to a task; that the addresses
 *   differ does to the client, which has a connection to each, and so, mostly, several tasks.
 * - **Without the clients' addresses.** Preserved, they would make connections of one client to two listeners the same
 *   one for a task, whenever the client took the same port for both. The load balancer's addresses are what a task
 *   sees.
 * - **Across zones.** With few tasks a zone may have none, and clients that have looked up its address would find
 *   nobody.
 * - **A TCP check.** A task listens once it has reached table and bucket. A check that asked for storage each time
 *   would end all tasks at once when storage fails, and with them the connections of clients that need do no more than
 *   try again.
 */
export class KafkaGatewayEntrance extends Construct {
  readonly loadBalancer: NetworkLoadBalancer;
  readonly targets: NetworkTargetGroup;
  /** Of the tasks: from the load balancer only. */
  readonly taskGroup: SecurityGroup;

  constructor(scope: Construct, id: string, props: KafkaGatewayEntranceProps) {
    super(scope, id);
    const { vpc, internal, taskPort } = props;
    this.taskGroup = new SecurityGroup(this, 'TaskGroup', {
      vpc,
      description: `Kafka gateway of the Millrace tenant ${props.tenant}: tasks`,
    });
    const outer = this.addOuterGroup(props);
    outer.addEgressRule(this.taskGroup, Port.tcp(taskPort), 'To the tasks');
    this.taskGroup.addIngressRule(outer, Port.tcp(taskPort), 'From the load balancer');
    this.loadBalancer = new NetworkLoadBalancer(this, 'LoadBalancer', {
      vpc,
      internetFacing: !internal,
      crossZoneEnabled: true,
      securityGroups: [outer],
    });
    acknowledge(
      this.loadBalancer,
      'AwsSolutions-ELB2',
      'Access logs of a network load balancer have addresses and TLS versions only; whom the gateway refuses or fails is in its own log.',
    );
    this.targets = new NetworkTargetGroup(this, 'Targets', {
      vpc,
      port: taskPort,
      protocol: Protocol.TCP,
      targetType: TargetType.IP,
      preserveClientIp: false,
      deregistrationDelay: DEREGISTRATION_DELAY,
      healthCheck: { protocol: Protocol.TCP, interval: Duration.seconds(10) },
    });
    const certificate = this.certificateOf(props);
    for (const port of props.ports) {
      this.loadBalancer.addListener(`Port${port}`, {
        port,
        protocol: Protocol.TLS,
        certificates: [certificate],
        // TLS 1.3 and 1.2, with forward secrecy only.
        sslPolicy: SslPolicy.RECOMMENDED_TLS,
        defaultTargetGroups: [this.targets],
      });
    }
    this.addAlias(props);
  }

  private addOuterGroup({ vpc, tenant, ports, internal, allowedCidrs }: KafkaGatewayEntranceProps): SecurityGroup {
    const group = new SecurityGroup(this, 'ClientGroup', {
      vpc,
      description: `Kafka gateway of the Millrace tenant ${tenant}: clients`,
      allowAllOutbound: false,
    });
    const first = ports[0] as number;
    const range = Port.tcpRange(first, first + ports.length - 1);
    for (const cidr of allowedCidrs ?? [internal ? vpc.vpcCidrBlock : '0.0.0.0/0']) {
      group.addIngressRule(Peer.ipv4(cidr), range, 'Clients of Kafka');
    }
    acknowledge(
      group,
      'AwsSolutions-EC23',
      'Clients come from wherever they are, unless allowedCidrs says otherwise; each has to say who it is before it may ask for anything.',
    );
    return group;
  }

  private certificateOf({ host, certificateArn, hostedZoneId }: KafkaGatewayEntranceProps) {
    if (certificateArn !== undefined) return Certificate.fromCertificateArn(this, 'Certificate', certificateArn);
    const zone = HostedZone.fromHostedZoneId(this, 'Zone', hostedZoneId as string);
    return new Certificate(this, 'Certificate', { domainName: host, validation: CertificateValidation.fromDns(zone) });
  }

  private addAlias({ host, hostedZoneId }: KafkaGatewayEntranceProps): void {
    if (hostedZoneId === undefined) return;
    const { loadBalancerDnsName: dnsName, loadBalancerCanonicalHostedZoneId } = this.loadBalancer;
    new CfnRecordSet(this, 'Alias', {
      name: host,
      type: 'A',
      hostedZoneId,
      aliasTarget: { dnsName, hostedZoneId: loadBalancerCanonicalHostedZoneId },
    });
  }
}
