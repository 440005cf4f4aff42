import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.metrics.KafkaMetric;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Calls every method of Kafka's Admin, in an order in which each can show what those before it did, and writes a line for each: the
 * method, how long it took in milliseconds, and what it gave or how it failed. admin-client.ts knows what each has to be.
 *
 *     java -cp 'libs/*' AdminCalls.java localhost:9092
 */
@SuppressWarnings({"deprecation", "removal"})
public final class AdminCalls {
  private static final String TOPIC = "admin";
  private static final TopicPartition PARTITION = new TopicPartition(TOPIC, 0);
  private static final ConfigResource TOPIC_CONFIG = new ConfigResource(ConfigResource.Type.TOPIC, TOPIC);
  private static final ConfigResource GROUP_CONFIG = new ConfigResource(ConfigResource.Type.GROUP, "shared");
  private static final int RECORDS = 10;
  /** The first of them, which nobody reads any more. */
  private static final int DELETED = 3;

  private interface Call {
    Object run() throws Exception;
  }

  private final String bootstrap;
  private final Admin admin;
  private final Set<String> called = new HashSet<>(List.of("create", "close"));

  private AdminCalls(String bootstrap) {
    this.bootstrap = bootstrap;
    this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
  }

  public static void main(String[] arguments) throws Exception {
    AdminCalls calls = new AdminCalls(arguments[0]);
    calls.topics();
    calls.configs();
    calls.records();
    calls.transactions();
    calls.classicGroup();
    calls.consumerGroup();
    calls.shareGroup();
    calls.streamsGroup();
    calls.accessControl();
    calls.cluster();
    calls.ofBrokers();
    calls.metrics();
    calls.deletion();
    calls.admin.close();
    calls.tellWhatIsLeft();
  }

  /** Runs it and writes what became of it; what it gives may be a future. */
  private void call(String method, Call call) {
    called.add(method);
    long start = System.nanoTime();
    String outcome;
    try {
      Object given = call.run();
      outcome = String.valueOf(given instanceof KafkaFuture<?> future ? future.get() : given);
    } catch (ExecutionException failure) {
      outcome = failure.getCause().getClass().getSimpleName() + ": " + failure.getCause().getMessage();
    } catch (Exception failure) {
      outcome = failure.getClass().getSimpleName() + ": " + failure.getMessage();
    }
    System.out.println(method + "\t" + (System.nanoTime() - start) / 1_000_000 + "\t" + outcome.replaceAll("\\s+", " "));
  }

  private void tellWhatIsLeft() {
    Set<String> left = new TreeSet<>();
    for (var method : Admin.class.getMethods()) left.add(method.getName());
    left.removeAll(called);
    System.out.println("not called\t0\t" + left);
  }

  private void topics() {
    NewTopic topic = new NewTopic(TOPIC, Optional.of(2), Optional.empty()).configs(Map.of("retention.ms", "86400000"));
    CreateTopicsOptions onlyValidate = new CreateTopicsOptions().validateOnly(true);
    call("createTopics", () -> admin.createTopics(List.of(topic), onlyValidate).numPartitions(TOPIC));
    call("listTopics", () -> admin.listTopics().names());
    call("createTopics", () -> admin.createTopics(List.of(topic)).config(TOPIC).get().get("retention.ms").value());
    call("createTopics", () -> admin.createTopics(List.of(topic)).all());
    call("listTopics", () -> admin.listTopics().names());
    call("createPartitions", () -> admin.createPartitions(Map.of(TOPIC, NewPartitions.increaseTo(3))).all());
    call("describeTopics", () -> {
      TopicDescription byName = admin.describeTopics(List.of(TOPIC)).topicNameValues().get(TOPIC).get();
      TopicCollection ids = TopicCollection.ofTopicIds(List.of(byName.topicId()));
      TopicDescription byId = admin.describeTopics(ids).topicIdValues().get(byName.topicId()).get();
      return byId.name() + ", " + byName.partitions().size() + " partitions, by its id " + byId.partitions().size();
    });
    call("describeTopics", () -> admin.describeTopics(List.of("nothing")).allTopicNames());
  }

  private void configs() {
    call("describeConfigs", () -> config(TOPIC_CONFIG, "retention.ms"));
    AlterConfigOp set = new AlterConfigOp(new ConfigEntry("segment.bytes", "2097152"), AlterConfigOp.OpType.SET);
    call("incrementalAlterConfigs", () -> admin.incrementalAlterConfigs(Map.of(TOPIC_CONFIG, List.of(set))).all());
    call("describeConfigs", () -> config(TOPIC_CONFIG, "segment.bytes"));
    ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "1");
    call("describeConfigs", () -> config(broker, "message.max.bytes"));
    AlterConfigOp ofBroker = new AlterConfigOp(new ConfigEntry("num.io.threads", "9"), AlterConfigOp.OpType.SET);
    call("incrementalAlterConfigs", () -> admin.incrementalAlterConfigs(Map.of(broker, List.of(ofBroker))).all());
    call("listConfigResources", () -> admin.listConfigResources().all());
    call("listClientMetricsResources", () -> admin.listClientMetricsResources().all());
  }

  private String config(ConfigResource resource, String name) throws Exception {
    ConfigEntry entry = admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name);
    return entry.value() + " " + entry.source();
  }

  private void records() {
    try (KafkaProducer<String, String> producer = producer(Map.of())) {
      for (int index = 0; index < RECORDS; index++) {
        producer.send(new ProducerRecord<>(TOPIC, 0, 1_000L + index, null, "value " + index));
      }
    }
    call("listOffsets", () -> offset(OffsetSpec.latest()));
    call("listOffsets", () -> offset(OffsetSpec.maxTimestamp()));
    call("listOffsets", () -> offset(OffsetSpec.forTimestamp(1_004)));
    Map<TopicPartition, RecordsToDelete> first = Map.of(PARTITION, RecordsToDelete.beforeOffset(DELETED));
    call("deleteRecords", () -> admin.deleteRecords(first).lowWatermarks().get(PARTITION).get().lowWatermark());
    call("listOffsets", () -> offset(OffsetSpec.earliest()));
    call("listOffsets", () -> offset(OffsetSpec.earliestLocal()));
    call("listOffsets", () -> offset(OffsetSpec.latestTiered()));
    call("listOffsets", () -> offset(OffsetSpec.earliestPendingUpload()));
  }

  private long offset(OffsetSpec spec) throws Exception {
    return admin.listOffsets(Map.of(PARTITION, spec)).partitionResult(PARTITION).get().offset();
  }

  private void transactions() {
    KafkaProducer<String, String> producer = producer(Map.of("transactional.id", "admin"));
    producer.initTransactions();
    producer.beginTransaction();
    producer.send(new ProducerRecord<>(TOPIC, 0, null, "open"));
    producer.flush();
    call("listTransactions", () -> {
      var listed = admin.listTransactions().all().get();
      return listed.stream().map(each -> each.transactionalId() + " " + each.state()).toList();
    });
    call("describeTransactions", () -> {
      TransactionDescription described = admin.describeTransactions(List.of("admin")).description("admin").get();
      return described.state() + " " + described.topicPartitions();
    });
    call("describeTransactions", () -> admin.describeTransactions(List.of("nobody")).all());
    call("describeProducers", () -> {
      var active = admin.describeProducers(List.of(PARTITION)).partitionResult(PARTITION).get().activeProducers();
      long described = admin.describeTransactions(List.of("admin")).description("admin").get().producerId();
      return active.size() + ", that of the transaction: " + (active.get(0).producerId() == described);
    });
    AbortTransactionSpec hanging = new AbortTransactionSpec(PARTITION, 1, (short) 0, 0);
    call("abortTransaction", () -> admin.abortTransaction(hanging).all());
    call("fenceProducers", () -> admin.fenceProducers(List.of("admin")).all());
    call("fenceProducers", () -> {
      try {
        producer.commitTransaction();
        return "the producer that was fenced could commit";
      } catch (ProducerFencedException fenced) {
        return "fenced";
      } finally {
        producer.close(Duration.ZERO);
      }
    });
    call("forceTerminateTransaction", () -> admin.forceTerminateTransaction("admin").result());
    call("listOffsets", () -> offset(OffsetSpec.latest()));
  }

  private void classicGroup() {
    KafkaConsumer<String, String> consumer = consumer("classic", "group.instance.id", "instance");
    joinAndCommit(consumer);
    List<String> group = List.of("classic");
    call("describeClassicGroups", () -> admin.describeClassicGroups(group).describedGroups().get("classic").get().state());
    call("removeMembersFromConsumerGroup", () -> {
      MemberToRemove member = new MemberToRemove("instance");
      var members = new RemoveMembersFromConsumerGroupOptions(List.of(member));
      return admin.removeMembersFromConsumerGroup("classic", members).memberResult(member);
    });
    call("describeConsumerGroups", () -> {
      ConsumerGroupDescription described = admin.describeConsumerGroups(group).describedGroups().get("classic").get();
      return described.groupState() + " " + described.type();
    });
    consumer.close();
  }

  private void consumerGroup() {
    KafkaConsumer<String, String> consumer = consumer("consumers", "group.protocol", "consumer");
    joinAndCommit(consumer);
    call("listGroups", () -> {
      var listed = admin.listGroups().all().get();
      return listed.stream().map(each -> each.groupId() + " " + each.type().orElseThrow()).sorted().toList();
    });
    call("listConsumerGroups", () -> {
      ListConsumerGroupsOptions consumers = new ListConsumerGroupsOptions().withTypes(Set.of(GroupType.CONSUMER));
      return admin.listConsumerGroups(consumers).all().get().stream().map(ConsumerGroupListing::groupId).toList();
    });
    List<String> ids = List.of("consumers");
    call("describeConsumerGroups", () -> {
      ConsumerGroupDescription described = admin.describeConsumerGroups(ids).describedGroups().get("consumers").get();
      int partitions = described.members().iterator().next().assignment().topicPartitions().size();
      return described.groupState() + " " + described.type() + ", " + partitions + " partitions";
    });
    call("describeConsumerGroups", () -> admin.describeConsumerGroups(List.of("nothing")).all());
    call("listConsumerGroupOffsets", this::committed);
    Map<TopicPartition, OffsetAndMetadata> five = Map.of(PARTITION, new OffsetAndMetadata(5, "note"));
    call("alterConsumerGroupOffsets", () -> admin.alterConsumerGroupOffsets("consumers", five).all());
    call("deleteConsumerGroups", () -> admin.deleteConsumerGroups(ids).all());
    consumer.close();
    call("alterConsumerGroupOffsets", () -> admin.alterConsumerGroupOffsets("consumers", five).all());
    call("listConsumerGroupOffsets", this::committed);
    call("deleteConsumerGroupOffsets", () -> admin.deleteConsumerGroupOffsets("consumers", Set.of(PARTITION)).all());
    call("listConsumerGroupOffsets", this::committed);
    call("deleteConsumerGroups", () -> admin.deleteConsumerGroups(List.of("consumers", "classic")).all());
  }

  private String committed() throws Exception {
    OffsetAndMetadata of = admin.listConsumerGroupOffsets("consumers").partitionsToOffsetAndMetadata().get().get(PARTITION);
    return of == null ? null : of.offset() + " " + of.metadata();
  }

  private void shareGroup() {
    ConfigEntry reset = new ConfigEntry("share.auto.offset.reset", "earliest");
    AlterConfigOp earliest = new AlterConfigOp(reset, AlterConfigOp.OpType.SET);
    call("incrementalAlterConfigs", () -> admin.incrementalAlterConfigs(Map.of(GROUP_CONFIG, List.of(earliest))).all());
    call("describeConfigs", () -> config(GROUP_CONFIG, "share.auto.offset.reset"));
    var texts = new StringDeserializer();
    try (var consumer = new KafkaShareConsumer<>(properties(Map.of("group.id", "shared")), texts, texts)) {
      consumer.subscribe(List.of(TOPIC));
      int read = 0;
      while (read < RECORDS - DELETED) read += consumer.poll(Duration.ofMillis(500)).count();
      consumer.commitSync();
      call("describeShareGroups", () -> {
        var described = admin.describeShareGroups(List.of("shared")).describedGroups().get("shared").get();
        return described.groupState() + ", " + described.members().size() + " member";
      });
    }
    call("listShareGroupOffsets", this::shareOffset);
    call("alterShareGroupOffsets", () -> admin.alterShareGroupOffsets("shared", Map.of(PARTITION, 4L)).all());
    call("listShareGroupOffsets", this::shareOffset);
    call("deleteShareGroupOffsets", () -> admin.deleteShareGroupOffsets("shared", Set.of(TOPIC)).all());
    call("listShareGroupOffsets", this::shareOffset);
    call("deleteShareGroups", () -> admin.deleteShareGroups(List.of("shared")).all());
    call("listGroups", () -> admin.listGroups().all());
  }

  private Object shareOffset() throws Exception {
    Map<String, ListShareGroupOffsetsSpec> group = Map.of("shared", new ListShareGroupOffsetsSpec());
    var offsets = admin.listShareGroupOffsets(group).partitionsToOffsetInfo("shared").get();
    return offsets.get(PARTITION) == null ? null : offsets.get(PARTITION).startOffset();
  }

  private void streamsGroup() {
    Map<TopicPartition, OffsetAndMetadata> five = Map.of(PARTITION, new OffsetAndMetadata(5));
    call("describeStreamsGroups", () -> admin.describeStreamsGroups(List.of("streams")).all());
    call("alterStreamsGroupOffsets", () -> admin.alterStreamsGroupOffsets("streams", five).all());
    call("listStreamsGroupOffsets", () -> {
      var group = Map.of("streams", new ListStreamsGroupOffsetsSpec());
      return admin.listStreamsGroupOffsets(group).partitionsToOffsetAndMetadata("streams").get().get(PARTITION).offset();
    });
    call("deleteStreamsGroupOffsets", () -> admin.deleteStreamsGroupOffsets("streams", Set.of(PARTITION)).all());
    call("deleteStreamsGroups", () -> admin.deleteStreamsGroups(List.of("streams")).all());
  }

  private void accessControl() {
    ResourcePattern topic = new ResourcePattern(ResourceType.TOPIC, TOPIC, PatternType.LITERAL);
    AccessControlEntry mayRead = new AccessControlEntry("User:me", "*", AclOperation.READ, AclPermissionType.ALLOW);
    call("createAcls", () -> admin.createAcls(List.of(new AclBinding(topic, mayRead))).all());
    call("describeAcls", () -> admin.describeAcls(AclBindingFilter.ANY).values());
    call("deleteAcls", () -> admin.deleteAcls(List.of(AclBindingFilter.ANY)).all());
    ScramCredentialInfo scram = new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096);
    UserScramCredentialUpsertion user = new UserScramCredentialUpsertion("me", scram, "secret");
    call("alterUserScramCredentials", () -> admin.alterUserScramCredentials(List.of(user)).all());
    call("describeUserScramCredentials", () -> admin.describeUserScramCredentials().all());
    call("createDelegationToken", () -> admin.createDelegationToken().delegationToken());
    call("renewDelegationToken", () -> admin.renewDelegationToken(new byte[1]).expiryTimestamp());
    call("expireDelegationToken", () -> admin.expireDelegationToken(new byte[1]).expiryTimestamp());
    call("describeDelegationToken", () -> admin.describeDelegationToken().delegationTokens());
    ClientQuotaEntity entity = new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, "me"));
    ClientQuotaAlteration.Op rate = new ClientQuotaAlteration.Op("producer_byte_rate", 1e6);
    List<ClientQuotaAlteration> quotas = List.of(new ClientQuotaAlteration(entity, List.of(rate)));
    call("alterClientQuotas", () -> admin.alterClientQuotas(quotas).all());
    call("describeClientQuotas", () -> admin.describeClientQuotas(ClientQuotaFilter.all()).entities());
  }

  private void cluster() {
    call("describeCluster", () -> {
      DescribeClusterResult cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
      var operations = new TreeSet<>(cluster.authorizedOperations().get());
      return "nodes " + cluster.nodes().get() + ", controller " + cluster.controller().get() + ", " + operations;
    });
    call("describeFeatures", () -> {
      var features = admin.describeFeatures().featureMetadata().get().finalizedFeatures();
      return features.keySet().stream().sorted().map(name -> name + " " + features.get(name).maxVersionLevel()).toList();
    });
    FeatureUpdate update = new FeatureUpdate((short) 1, FeatureUpdate.UpgradeType.SAFE_DOWNGRADE);
    call("updateFeatures", () -> admin.updateFeatures(Map.of("transaction.version", update), new UpdateFeaturesOptions()).all());
    call("describeMetadataQuorum", () -> admin.describeMetadataQuorum().quorumInfo());
    Set<RaftVoterEndpoint> endpoints = Set.of(new RaftVoterEndpoint("CONTROLLER", "localhost", 1));
    call("addRaftVoter", () -> admin.addRaftVoter(1, Uuid.randomUuid(), endpoints).all());
    call("removeRaftVoter", () -> admin.removeRaftVoter(1, Uuid.randomUuid()).all());
    call("unregisterBroker", () -> admin.unregisterBroker(1).all());
  }

  /** What is about where brokers have their records. */
  private void ofBrokers() {
    TopicPartitionReplica replica = new TopicPartitionReplica(TOPIC, 0, 1);
    call("electLeaders", () -> admin.electLeaders(ElectionType.PREFERRED, Set.of(PARTITION)).all());
    var toAnother = Map.of(PARTITION, Optional.of(new NewPartitionReassignment(List.of(1))));
    call("alterPartitionReassignments", () -> admin.alterPartitionReassignments(toAnother).all());
    call("listPartitionReassignments", () -> admin.listPartitionReassignments().reassignments());
    call("alterReplicaLogDirs", () -> admin.alterReplicaLogDirs(Map.of(replica, "/elsewhere")).all());
    call("describeLogDirs", () -> admin.describeLogDirs(List.of(1)).allDescriptions());
    call("describeReplicaLogDirs", () -> admin.describeReplicaLogDirs(List.of(replica)).all());
  }

  private void metrics() {
    KafkaMetric metric = (KafkaMetric) admin.metrics().values().iterator().next();
    call("metrics", () -> admin.metrics().size() > 10);
    call("registerMetricForSubscription", () -> {
      admin.registerMetricForSubscription(metric);
      return null;
    });
    call("unregisterMetricFromSubscription", () -> {
      admin.unregisterMetricFromSubscription(metric);
      return null;
    });
    call("clientInstanceId", () -> admin.clientInstanceId(Duration.ofSeconds(1)));
  }

  private void deletion() {
    call("deleteTopics", () -> {
      Uuid id = admin.describeTopics(List.of(TOPIC)).topicNameValues().get(TOPIC).get().topicId();
      return admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all();
    });
    call("deleteTopics", () -> admin.deleteTopics(List.of(TOPIC)).all());
    call("listTopics", () -> admin.listTopics().names());
  }

  private KafkaProducer<String, String> producer(Map<String, String> more) {
    return new KafkaProducer<>(properties(more), new StringSerializer(), new StringSerializer());
  }

  private KafkaConsumer<String, String> consumer(String group, String setting, String value) {
    var settings = Map.of("group.id", group, "auto.offset.reset", "earliest", setting, value);
    return new KafkaConsumer<>(properties(settings), new StringDeserializer(), new StringDeserializer());
  }

  private Map<String, Object> properties(Map<String, String> more) {
    Map<String, Object> properties = new TreeMap<>(more);
    properties.put("bootstrap.servers", bootstrap);
    return properties;
  }

  /** Reads all that there is. */
  private static void joinAndCommit(KafkaConsumer<String, String> consumer) {
    consumer.subscribe(List.of(TOPIC));
    int read = 0;
    while (read < RECORDS - DELETED) read += consumer.poll(Duration.ofMillis(500)).count();
    consumer.commitSync();
  }
}
