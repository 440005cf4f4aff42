import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { TRIGGER_METRICS } from '../../coordination/triggers/metric-names.ts';
import { ALARM_PERIOD, addAlarm, aggregate } from '../alarm.ts';
import type { MillraceTriggers } from './millrace-triggers.ts';

export interface TriggerAlarmThresholds {
  /** How old a record may be when its function has it, in milliseconds. Default 5 minutes. */
  iteratorAgeAlarmMs?: number;
  /** Invocations that fail, in 5 minutes. Default 10: single ones are retried. */
  triggerErrorsAlarm?: number;
  /** Sends that a destination refuses, in 5 minutes; its partition waits meanwhile. Default 1. */
  destinationFailuresAlarm?: number;
}

export interface TriggerAlarmsProps extends TriggerAlarmThresholds {
  tenant: string;
  triggers: MillraceTriggers;
  /** An SNS topic that is told when an alarm starts and ends. */
  topicArn?: string;
}

/** Alarms on delivery to functions, over all triggers of the tenant: the dashboard shows which one it is. */
export class TriggerAlarms extends Construct {
  private readonly topic: ITopic | undefined;

  constructor(scope: Construct, id: string, props: TriggerAlarmsProps) {
    super(scope, id);
    const { iteratorAgeAlarmMs = 300_000, triggerErrorsAlarm = 10, destinationFailuresAlarm = 1 } = props;
    this.topic = props.topicArn === undefined ? undefined : Topic.fromTopicArn(this, 'Topic', props.topicArn);
    const over = (how: 'SUM' | 'MAX', metricName: string) =>
      aggregate({ how, metricName, namespace: 'Millrace', condition: `tenant = '${props.tenant}'` });
    addAlarm(this, 'IteratorAge', {
      description: 'A trigger is behind: its function gets records that are too old.',
      metric: over('MAX', TRIGGER_METRICS.iteratorAge),
      threshold: iteratorAgeAlarmMs,
      topic: this.topic,
    });
    addAlarm(this, 'Errors', {
      description: 'Functions of triggers fail, whole or in part.',
      metric: over('SUM', TRIGGER_METRICS.errors),
      threshold: triggerErrorsAlarm,
      topic: this.topic,
    });
    addAlarm(this, 'DestinationFailures', {
      description: 'A failure destination does not take what was given up, and its partition waits.',
      metric: over('SUM', TRIGGER_METRICS.destinationFailures),
      threshold: destinationFailuresAlarm,
      topic: this.topic,
    });
    const { router, dispatcher, sweeper } = props.triggers;
    for (const { node, function: lambda } of [router, dispatcher, sweeper]) {
      addAlarm(this, `${node.id}Errors`, {
        description: `${node.id} crashed or timed out.`,
        metric: lambda.metricErrors(ALARM_PERIOD),
        threshold: 1,
        topic: this.topic,
      });
    }
  }
}
