/** What the gateway serves: each API's own file of `apis/`. What is not in here is not advertised. */
import type { AdvertisedApi, ServedApi } from './api.ts';
import { addOffsetsToTxn } from './apis/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from './apis/add-partitions-to-txn.ts';
import { alterConfigs } from './apis/alter-configs.ts';
import { alterShareGroupOffsets } from './apis/alter-share-group-offsets.ts';
import { apiVersions } from './apis/api-versions.ts';
import { consumerGroupDescribe } from './apis/consumer-group-describe.ts';
import { consumerGroupHeartbeat } from './apis/consumer-group-heartbeat.ts';
import { createAcls } from './apis/create-acls.ts';
import { createPartitions } from './apis/create-partitions.ts';
import { createTopics } from './apis/create-topics.ts';
import { deleteAcls } from './apis/delete-acls.ts';
import { deleteGroups } from './apis/delete-groups.ts';
import { deleteRecords } from './apis/delete-records.ts';
import { deleteShareGroupOffsets } from './apis/delete-share-group-offsets.ts';
import { deleteTopics } from './apis/delete-topics.ts';
import { describeAcls } from './apis/describe-acls.ts';
import { describeCluster } from './apis/describe-cluster.ts';
import { describeConfigs } from './apis/describe-configs.ts';
import { describeGroups } from './apis/describe-groups.ts';
import { describeProducers } from './apis/describe-producers.ts';
import { describeShareGroupOffsets } from './apis/describe-share-group-offsets.ts';
import { describeTopicPartitions } from './apis/describe-topic-partitions.ts';
import { describeTransactions } from './apis/describe-transactions.ts';
import { endTxn } from './apis/end-txn.ts';
import { fetch } from './apis/fetch.ts';
import { findCoordinator } from './apis/find-coordinator.ts';
import { heartbeat } from './apis/heartbeat.ts';
import { incrementalAlterConfigs } from './apis/incremental-alter-configs.ts';
import { initProducerId } from './apis/init-producer-id.ts';
import { joinGroup } from './apis/join-group.ts';
import { leaveGroup } from './apis/leave-group.ts';
import { listGroups } from './apis/list-groups.ts';
import { listOffsets } from './apis/list-offsets.ts';
import { listTransactions } from './apis/list-transactions.ts';
import { metadata } from './apis/metadata.ts';
import { offsetCommit } from './apis/offset-commit.ts';
import { offsetDelete } from './apis/offset-delete.ts';
import { offsetFetch } from './apis/offset-fetch.ts';
import { offsetForLeaderEpoch } from './apis/offset-for-leader-epoch.ts';
import { produce } from './apis/produce.ts';
import { saslAuthenticate } from './apis/sasl-authenticate.ts';
import { saslHandshake } from './apis/sasl-handshake.ts';
import { shareAcknowledge } from './apis/share-acknowledge.ts';
import { shareFetch } from './apis/share-fetch.ts';
import { shareGroupDescribe } from './apis/share-group-describe.ts';
import { shareGroupHeartbeat } from './apis/share-group-heartbeat.ts';
import { syncGroup } from './apis/sync-group.ts';
import { txnOffsetCommit } from './apis/txn-offset-commit.ts';
import { type ApiName, apis } from './generated/apis.ts';

export const served: { readonly [Name in ApiName]?: ServedApi<Name> } = {
  Produce: produce,
  Fetch: fetch,
  ListOffsets: listOffsets,
  Metadata: metadata,
  FindCoordinator: findCoordinator,
  OffsetCommit: offsetCommit,
  OffsetFetch: offsetFetch,
  OffsetDelete: offsetDelete,
  JoinGroup: joinGroup,
  SyncGroup: syncGroup,
  Heartbeat: heartbeat,
  LeaveGroup: leaveGroup,
  DescribeGroups: describeGroups,
  ListGroups: listGroups,
  DeleteGroups: deleteGroups,
  ConsumerGroupHeartbeat: consumerGroupHeartbeat,
  ConsumerGroupDescribe: consumerGroupDescribe,
  ShareGroupHeartbeat: shareGroupHeartbeat,
  ShareGroupDescribe: shareGroupDescribe,
  ShareFetch: shareFetch,
  ShareAcknowledge: shareAcknowledge,
  DescribeShareGroupOffsets: describeShareGroupOffsets,
  AlterShareGroupOffsets: alterShareGroupOffsets,
  DeleteShareGroupOffsets: deleteShareGroupOffsets,
  SaslHandshake: saslHandshake,
  ApiVersions: apiVersions,
  InitProducerId: initProducerId,
  AddPartitionsToTxn: addPartitionsToTxn,
  AddOffsetsToTxn: addOffsetsToTxn,
  EndTxn: endTxn,
  ListTransactions: listTransactions,
  DescribeTransactions: describeTransactions,
  OffsetForLeaderEpoch: offsetForLeaderEpoch,
  TxnOffsetCommit: txnOffsetCommit,
  CreateTopics: createTopics,
  DeleteTopics: deleteTopics,
  DeleteRecords: deleteRecords,
  DescribeAcls: describeAcls,
  CreateAcls: createAcls,
  DeleteAcls: deleteAcls,
  DescribeConfigs: describeConfigs,
  AlterConfigs: alterConfigs,
  CreatePartitions: createPartitions,
  IncrementalAlterConfigs: incrementalAlterConfigs,
  DescribeCluster: describeCluster,
  DescribeProducers: describeProducers,
  DescribeTopicPartitions: describeTopicPartitions,
  SaslAuthenticate: saslAuthenticate,
};

/** What ApiVersions answers. */
export const advertised: readonly AdvertisedApi[] = Object.entries(served).map(([name, api]) => ({
  apiKey: apis[name as ApiName].key,
  minVersion: api.advertisedFrom ?? api.lowest,
  maxVersion: api.highest,
}));
