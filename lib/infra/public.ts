/**
 * What the package exports as `millrace/infra`: the constructs, for use in a CDK app of one's own. Nothing in this
 * repository imports this file.
 */
export type { Encryption } from './encryption.ts';
export { FirstAdminKey, type FirstAdminKeyProps } from './first-admin-key.ts';
export type { ConsumeGrantOptions } from './grant-consume.ts';
export { KafkaGateway, type KafkaGatewayProps } from './kafka-gateway.ts';
export { KafkaGatewayEntrance, type KafkaGatewayEntranceProps } from './kafka-gateway-entrance.ts';
export type { KafkaGatewayOptions } from './kafka-gateway-options.ts';
export type { KafkaSidecarOptions } from './kafka-sidecar.ts';
export { MillraceAlarms, type MillraceAlarmsProps } from './millrace-alarms.ts';
export { MillraceApi, type MillraceApiProps } from './millrace-api.ts';
export { MillraceBucket, type MillraceBucketProps } from './millrace-bucket.ts';
export { MillraceFunction, type MillraceFunctionProps } from './millrace-function.ts';
export {
  type Authorizer,
  type BackendProps,
  MillraceFunctions,
  type MillraceFunctionsProps,
} from './millrace-functions.ts';
export { MillraceMaintenance } from './millrace-maintenance.ts';
export { MillraceReplicas, type MillraceReplicasProps } from './millrace-replicas.ts';
export { MillraceTable, type MillraceTableProps } from './millrace-table.ts';
export { OptionError } from './option-error.ts';
export type { ReplicaLocation } from './replica-locations.ts';
export { type Ingress, type TenantOptions, TenantStack, type TenantStackProps } from './tenant-stack.ts';
export type { MillraceEventSourceProps } from './triggers/event-source-props.ts';
export { MillraceEventSource } from './triggers/millrace-event-source.ts';
export { MillraceTriggers, type MillraceTriggersProps } from './triggers/millrace-triggers.ts';
export {
  type ITriggerBackend,
  TriggerBackend,
  type TriggerBackendArns,
  type TriggerHost,
} from './triggers/trigger-host.ts';
export { WebIngress, type WebIngressProps } from './web-ingress.ts';
