/** Replication. */
export const replicationLimits = {
  /** Replicas of one stack: bits of a mask that fits a byte. */
  replicasMax: 8,
  /** `replica.lag.time.max.ms`, a config of brokers; Kafka's default. */
  replicaLagMsDefault: 30_000,
  /** A replica has failed after this many failures in a row … */
  replicaFailuresMin: 5,
  /** … that took at least this long … */
  replicaFailingMsMin: 2_000,
  /** … or when calls have waited this long, and none has succeeded since they began: … */
  replicaSilentMsMax: 8_000,
  /** … this many, counting the failures right before. */
  replicaSilentCallsMin: 2,
  /** A failed replica is healthy after this many successes in a row … */
  replicaSuccessesMin: 5,
  /** … that took at least this long. */
  replicaRecoveringMsMin: 5_000,
  /** How long a write with acks=all waits for a replica that is joining. */
  replicaJoiningWaitMs: 250,
  /** Whoever waits for replicas has them looked at this often. */
  replicaLookMs: 1_000,
  /** Changes of a ledger's replicas that one look carries out, attempts that others are ahead of included. */
  replicaChangesPerLookMax: 16,
  /** How often a process that stays up looks at ledgers whose replicas are all well, … */
  replicaIdleLookMs: 10_000,
  /** … and how many it looks at at a time. */
  replicaLooksInFlightMax: 16,
  /** Last pages in which it is looked for what others have brought to a replica that failed here. */
  replicaPagesLookedIntoMax: 4,
  /** A replica that is not known to be healthy is probed this often by each process. */
  replicaProbeMs: 1_000,
  /** Probes of one replica that wait for an answer at a time. */
  replicaProbesInFlightMax: 8,
  /** How long a successful probe of a replica that gets no other requests says that it is alive. */
  replicaProofMsMax: 10_000,
  /** How long whoever waits for the end of all work waits for a probe: it may hang, and nothing is lost with it. */
  replicaProbePatienceMs: 500,
  /**
   * A replica that lacks an object has it copied once it is this old: until then its writer may still be uploading it.
   */
  replicaCopyAfterMs: 1_000,
  /** Objects that one process copies at a time. Each is in memory as a whole, and has at most about `flushBytesMax`. */
  replicaCopiesInFlightMax: 4,
  /** How long one of them may take. What never answers has failed by then, and lag has cost nobody else their place. */
  replicaCopyMsMax: 15_000,
  /** Objects that one run of a ledger's copier looks for; the rest waits for the next look. */
  replicaCopiesPerRunMax: 256,
  /** Commits after which the copier writes how far it is. */
  replicaCopyStretchMax: 64,
  /** Late uploads of one ledger that a process remembers: a tail of them, and as many of what is sealed meanwhile. */
  replicaArrivalsMax: 128,
  /** How long a read waits for one replica before it asks the next one as well. */
  replicaReadPatienceMs: 1_000,
  /** `X-Rack`. */
  rackLengthMax: 255,
  /** S3: a directory bucket's session lasts 5 minutes; it is renewed when no more than this is left. */
  sessionRenewalMs: 60_000,
} as const;
