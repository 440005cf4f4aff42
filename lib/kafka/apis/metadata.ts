/**
 * Metadata: the virtual brokers, and topics with their partitions. A topic that is asked for by name may be created by
 * it.
 */
import { createTopic } from '../../broker/topics/create-topic.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import { checkTopicName } from '../../log/topic/name.ts';
import type { Call, RequestOf, ResponseOf, ServedApi } from '../api.ts';
import { canSee, isAllowed, topicDenied } from '../authorization/authorization.ts';
import { clusterOperations, topicOperations } from '../authorization/authorized-operations.ts';
import { ZERO_UUID } from '../codec/reader.ts';
import {
  type Failure,
  failureOf,
  NONE,
  toldOfReading,
  UNKNOWN_TOPIC,
  UNKNOWN_TOPIC_ID,
  unanswerable,
} from '../failures.ts';
import { eachOnce } from '../fields/each-once.ts';
import { mapInTurns } from '../map-in-turns.ts';
import { isInternal, type TopicView, viewOfListed, viewOrNone } from '../topics/topic-view.ts';

type Request = RequestOf<'Metadata'>;
type Response = ResponseOf<'Metadata'>;
type TopicResponse = Response['topics'][number];
type Wanted = NonNullable<Request['topics']>[number];

/** Topics are asked for by id, and answered without a name, from this version on (KIP-516). */
const BY_ID_FROM = 12;
const OPERATIONS_FROM = 8;
/** Those of the cluster have moved to DescribeCluster since (KIP-700). */
const CLUSTER_OPERATIONS_UNTIL = 10;

export const metadata: ServedApi<'Metadata'> = {
  lowest: 0,
  highest: 13,
  answerBytes: (call, request) =>
    asksForAll(call, request)
      ? kafkaLimits.kafkaAnswerAllBytes
      : (request.topics?.length ?? 0) * kafkaLimits.kafkaAnswerTopicBytes,
  handle,
  failed: (call, request, failure) => {
    if (asksForAll(call, request)) return unanswerable(failure);
    return { ...clusterOf(call), topics: (request.topics ?? []).map((topic) => refused(call, topic, failure)) };
  },
};

async function handle(call: Call, request: Request): Promise<Response> {
  const wanted = wantedOf(call, request);
  const topics = wanted === 'all' ? await allTopics(call, request) : await someTopics(call, request, wanted);
  return { ...clusterOf(call), topics, ...operationsOfCluster(call, request) };
}

/** In the first version an empty list asks for all topics; later no list does. */
function asksForAll({ version }: Call, { topics }: Request): boolean {
  return topics === null || (version === 0 && topics.length === 0);
}

function wantedOf(call: Call, request: Request): readonly Wanted[] | 'all' {
  const { version } = call;
  const { topics } = request;
  if (topics === null || asksForAll(call, request)) return 'all';
  if (version < BY_ID_FROM && topics.some(({ name, topicId }) => name === null || topicId !== ZERO_UUID)) {
    throw new MillraceError('INVALID_REQUEST', `Version ${version} of Metadata names topics by their names.`);
  }
  return eachOnce(topics, ({ name, topicId }) => `${topicId} ${name}`);
}

function clusterOf({ gateway: { cluster } }: Call) {
  return {
    brokers: cluster.nodes.map(({ nodeId, host, port, rack }) => ({ nodeId, host, port, rack })),
    clusterId: cluster.id,
    controllerId: cluster.controller.nodeId,
  };
}

function operationsOfCluster(call: Call, { includeClusterAuthorizedOperations }: Request): Partial<Response> {
  const isAsked = includeClusterAuthorizedOperations && call.version >= OPERATIONS_FROM;
  if (!isAsked || call.version > CLUSTER_OPERATIONS_UNTIL) return {};
  return { clusterAuthorizedOperations: clusterOperations(call) };
}

/** By the directory alone, for topics with one replica: there may be thousands. */
async function allTopics(call: Call, request: Request): Promise<TopicResponse[]> {
  const directory = await call.gateway.broker.groups.topics({ fresh: true });
  const visible = [...directory.values()].filter(({ name }) => canSee(call, name));
  const topics = await mapInTurns(call, visible, async (topic) => {
    const view = await viewOfListed(call, topic);
    return view && withOperations(call, request, described(view));
  });
  return topics.filter((topic) => topic !== undefined);
}

function someTopics(call: Call, request: Request, wanted: readonly Wanted[]): Promise<TopicResponse[]> {
  return mapInTurns(call, wanted, async (topic) => {
    const { name, topicId } = topic;
    try {
      // Java's client leaves the name of what it asks for by id empty.
      const found = await (name === null || topicId !== ZERO_UUID
        ? describeById(call, topicId)
        : describeByName(call, name, request.allowAutoTopicCreation));
      return withOperations(call, request, found);
    } catch (error) {
      return refused(call, topic, failureOf(error));
    }
  });
}

async function describeById(call: Call, topicId: string): Promise<TopicResponse> {
  const name = await call.gateway.topicNames.nameOf(topicId);
  if (name === undefined) return refused(call, { name: null, topicId }, UNKNOWN_TOPIC_ID);
  // Ids are no secret; names are.
  if (!canSee(call, name)) return refused(call, { name: null, topicId }, topicDenied(name));
  const view = await viewOrNone(call, name);
  return view?.topicId === topicId ? described(view) : refused(call, { name: null, topicId }, UNKNOWN_TOPIC_ID);
}

async function describeByName(call: Call, name: string, mayCreate: boolean): Promise<TopicResponse> {
  const refuse = (failure: Failure) => refused(call, { name, topicId: ZERO_UUID }, failure);
  if (!canSee(call, name)) return refuse(topicDenied(name));
  checkTopicName(name);
  const view = await viewOrNone(call, name);
  if (view !== undefined) return described(view);
  // Nobody who looks for Kafka's own topics wants to make them.
  if (!mayCreate || !call.gateway.autoCreate.enabled || isInternal(name)) return refuse(UNKNOWN_TOPIC);
  if (!isAllowed(call, 'admin', name)) return refuse(topicDenied(name));
  const created = await create(call, name);
  return created === undefined ? refuse(UNKNOWN_TOPIC) : described(created);
}

/** `auto.create.topics.enable`. */
async function create(call: Call, name: string): Promise<TopicView | undefined> {
  const { broker, autoCreate } = call.gateway;
  try {
    await createTopic(broker, { name, partitions: autoCreate.partitions });
  } catch (error) {
    // Another was faster.
    if (!(error instanceof MillraceError) || error.code !== 'TOPIC_ALREADY_EXISTS') throw error;
  }
  return viewOrNone(call, name, { fresh: true });
}

function described(view: TopicView): TopicResponse {
  return {
    errorCode: NONE,
    name: view.name,
    topicId: view.topicId,
    isInternal: view.isInternal,
    partitions: Array.from({ length: view.partitions }, (_, partitionIndex) => ({
      errorCode: NONE,
      partitionIndex,
      ...view.partitionAt(partitionIndex),
    })),
  };
}

/** Where they are asked for. */
function withOperations(call: Call, request: Request, topic: TopicResponse): TopicResponse {
  if (!request.includeTopicAuthorizedOperations || topic.name === null || topic.errorCode !== NONE) return topic;
  return { ...topic, topicAuthorizedOperations: topicOperations(call, topic.name) };
}

function refused({ version }: Call, { name, topicId }: Wanted, failure: Failure): TopicResponse {
  const { code } = toldOfReading(failure);
  return { errorCode: code, name: version < BY_ID_FROM ? (name ?? '') : name, topicId, partitions: [] };
}
