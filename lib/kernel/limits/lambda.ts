import { MIB } from './sizes.ts';

/** The functions. */
export const lambdaLimits = {
  /** AWS: the JSON of an event, and of a buffered answer. Base64 makes a body 4/3 as long, escaping up to twice. */
  lambdaAnswerBytesMax: 6 * MIB,
  /** A live tail of a Lambda Web Function ends before the service's 15 minutes; one of a function before its 30 s. */
  webLiveTailMsMax: 14 * 60 * 1_000,
  lambdaLiveTailMsMax: 25 * 1_000,
  /** What is kept of a function's time for the answer that its time is over. */
  lambdaTimeoutMarginMs: 500,
  /** What is kept of a scheduled function's time for ending what it is at, and for noting where it goes on. */
  scheduledTimeoutMarginMs: 30_000,
  /** One attempt to wake a dispatcher; Lambda answers as soon as it has the event. */
  dispatcherWakeMsMax: 2_000,
  /** How often a function that runs for long publishes what it has counted of triggers. */
  triggerMetricsMs: 10_000,
  /** One attempt to answer CloudFormation's request for a custom resource, and attempts. */
  customResourceAnswerMsMax: 5_000,
  customResourceAnswersMax: 4,
  /** SIGTERM gives a Lambda Web Function 1 s; requests under way get this much of it. */
  webDrainMsMax: 800,
  /** How long the first admin key is taken from memory. */
  adminKeyCacheMs: 5 * 60 * 1_000,
  adminKeyCallMsMax: 5_000,
} as const;
