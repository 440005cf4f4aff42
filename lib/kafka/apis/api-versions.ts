/** ApiVersions (KIP-35, KIP-511): what the gateway serves. Asked before anything else, of servers of any age. */
import type { ResponseOf, ServedApi } from '../api.ts';
import { NONE } from '../failures.ts';

/** Clients before this version cannot read a feature whose lowest level is 0 (KAFKA-17492). */
const LEVEL_0_SINCE = 4;

/**
 * Of Kafka's features (KIP-584) those that clients go by: share groups (KIP-932), and the second part of KIP-890, which
 * is level 2. The epoch tells newer levels from older ones; ours never change while a cluster is there.
 */
const FEATURES = [
  { name: 'share.version', lowest: 0, level: 1 },
  { name: 'transaction.version', lowest: 0, level: 2 },
];
const FEATURES_EPOCH = 0n;

export const apiVersions: ServedApi<'ApiVersions'> = {
  lowest: 0,
  highest: 4,
  beforeAuthentication: true,
  handle: ({ gateway, version }) => ({ errorCode: NONE, apiKeys: [...gateway.advertised], ...featuresFor(version) }),
  failed: (_call, _request, { code }) => ({ errorCode: code, apiKeys: [] }),
};

function featuresFor(version: number): Partial<ResponseOf<'ApiVersions'>> {
  const known = version < LEVEL_0_SINCE ? [] : FEATURES;
  return {
    supportedFeatures: known.map(({ name, lowest, level }) => ({ name, minVersion: lowest, maxVersion: level })),
    finalizedFeatures: FEATURES.map(({ name, level }) => ({ name, minVersionLevel: level, maxVersionLevel: level })),
    finalizedFeaturesEpoch: FEATURES_EPOCH,
  };
}
