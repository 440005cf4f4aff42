import { Aws } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';

export interface ScheduleOptions {
  functionArn: string;
  description: string;
  every: 'hour' | { minutes: number };
  /** How much later than said it may come. Default: not at all. */
  flexibleMinutes?: number;
  /** The event that the function gets, beside what the service says. */
  input?: Record<string, unknown>;
}

/** Wakes a function now and then. What it misses is not asked again: the next time comes soon enough. */
export function addSchedule(
  scope: Construct,
  { functionArn, description, every, flexibleMinutes, input }: ScheduleOptions,
): CfnSchedule {
  const role = new Role(scope, 'ScheduleRole', {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      // Nobody else's schedule may use the role.
      conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
    }),
  });
  role.addToPolicy(
    new PolicyStatement({ effect: Effect.ALLOW, actions: ['lambda:InvokeFunction'], resources: [functionArn] }),
  );
  const schedule = new CfnSchedule(scope, 'Schedule', {
    description,
    scheduleExpression: every === 'hour' ? 'rate(1 hour)' : rateOf(every.minutes),
    flexibleTimeWindow:
      flexibleMinutes === undefined ? { mode: 'OFF' } : { mode: 'FLEXIBLE', maximumWindowInMinutes: flexibleMinutes },
    target: {
      arn: functionArn,
      roleArn: role.roleArn,
      ...(input !== undefined && { input: JSON.stringify(input) }),
      retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: every === 'hour' ? 3_600 : 60 },
    },
  });
  // The service checks at creation that the role can invoke.
  schedule.node.addDependency(role);
  return schedule;
}

function rateOf(minutes: number): string {
  return minutes === 1 ? 'rate(1 minute)' : `rate(${minutes} minutes)`;
}
