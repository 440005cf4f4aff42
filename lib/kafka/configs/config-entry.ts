/**
 * A config as clients see it, whatever it belongs to: numbers of
 * org.apache.kafka.common.requests.DescribeConfigsResponse.
 */
import type { ConfigRow } from '../../log/topic/config-table.ts';
import type { ResponseOf } from '../api.ts';

export type ConfigEntry = ResponseOf<'DescribeConfigs'>['results'][number]['configs'][number];

/** org.apache.kafka.common.config.ConfigResource.Type. */
export const resourceTypes = { topic: 2, broker: 4, brokerLogger: 8, clientMetrics: 16, group: 32 } as const;

/** Where a value is from. Clients take a config for unset where it is the default. */
export const configSources = { topic: 1, staticBroker: 4, default: 5, group: 8 } as const;

export const configTypes = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const;

export type ConfigType = (typeof configTypes)[keyof typeof configTypes];

export function configTypeOf({ type }: ConfigRow): ConfigType {
  switch (type) {
    case 'boolean':
    case 'int':
    case 'long':
    case 'double':
    case 'list':
      return configTypes[type];
    case 'replicas':
      return configTypes.list;
    case 'string':
    case 'text':
      return configTypes.string;
  }
}
