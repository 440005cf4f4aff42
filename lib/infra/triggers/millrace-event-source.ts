import { CustomResource, Duration, Names, Stack, Token } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { IEventSource, IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { triggerLimits } from '../../kernel/limits/triggers.ts';
import { OptionError } from '../option-error.ts';
import type { MillraceEventSourceProps } from './event-source-props.ts';
import { bindDestination } from './failure-destination.ts';
import type { ITriggerBackend, TriggerHost } from './trigger-host.ts';
import { triggerInput } from './trigger-input.ts';

/** CloudFormation would wait an hour for a registrar that cannot answer. */
const REGISTRATION_TIMEOUT = Duration.minutes(10);

/**
 * Delivers a topic's records to a function, with the props of CDK's event sources for Kafka:
 *
 *     fn.addEventSource(new MillraceEventSource(backend, { topic: 'orders', startingPosition: StartingPosition.LATEST }));
 *
 * All that it needs is made in the stack of the function: the trigger, which the backend's registrar makes for
 * CloudFormation, and a policy that lets the backend's dispatcher invoke this function and send to its failure destination. So
 * the function may be in the backend's stack or in another one of the same account and region; one of another account is
 * bound by its ARN, in a stack of the backend's account, and its owner adds the permission (docs/deploy.md).
 */
export class MillraceEventSource implements IEventSource {
  private readonly backend: ITriggerBackend;
  private readonly props: MillraceEventSourceProps;
  private boundName: string | undefined;

  constructor(backend: ITriggerBackend, props: MillraceEventSourceProps) {
    this.backend = backend;
    this.props = props;
  }

  bind(target: IFunction): void {
    if (this.boundName !== undefined) {
      throw new OptionError(
        `The Millrace event source "${this.boundName}" is bound already; each function takes its own.`,
      );
    }
    const host = this.backend.enableTriggers();
    checkPlace(target, host);
    const scope = new Construct(target, `Millrace:${labelOf(this.props)}`);
    const name = this.props.name ?? defaultName(scope);
    const input = triggerInput(target, name, this.props);
    const role = Role.fromRoleArn(scope, 'DispatcherRole', host.dispatcherRoleArn);
    role.addToPrincipalPolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        actions: ['lambda:InvokeFunction'],
        resources: [target.functionArn],
      }),
    );
    const { onFailure } = this.props;
    const { dispatcherArn, region } = host;
    const destination = onFailure && bindDestination(scope, onFailure, { name, dispatcherArn, region, role });
    const trigger = new CustomResource(scope, 'Trigger', {
      resourceType: 'Custom::MillraceTrigger',
      serviceToken: host.registrarArn,
      serviceTimeout: REGISTRATION_TIMEOUT,
      properties: { Trigger: Stack.of(scope).toJsonString(input), Destination: destination },
    });
    // The first records may come at once, and the last ones until the trigger is gone.
    trigger.node.addDependency(role);
    this.boundName = name;
  }

  /** The trigger's, once the source is bound to a function. */
  get triggerName(): string {
    if (this.boundName === undefined) throw new OptionError('A Millrace event source has a name once it is bound.');
    return this.boundName;
  }
}

/** The dispatcher invokes in its own region, and its role takes policies in its own account. */
function checkPlace(target: IFunction, { account, region }: TriggerHost): void {
  const stack = Stack.of(target);
  const place = `The Millrace event source of ${target.node.path}`;
  if (differ(stack.account, account)) {
    throw new OptionError(
      `${place}: the stack ${stack.stackName} is in the account ${stack.account}, the backend in ${account}; bind the function ` +
        `by its ARN (Function.fromFunctionArn) in a stack of ${account}, and have its owner permit the dispatcher to invoke it.`,
    );
  }
  if (differ(target.env.region, region)) {
    throw new OptionError(
      `${place}: the function is in ${target.env.region}, the backend in ${region}; both must be in one region.`,
    );
  }
}

function differ(one: string, other: string): boolean {
  return !Token.isUnresolved(one) && !Token.isUnresolved(other) && one !== other;
}

function labelOf({ name, topic, topics, topicPattern }: MillraceEventSourceProps): string {
  const label = name ?? topic ?? topics?.join(',') ?? topicPattern ?? 'topics';
  return Token.isUnresolved(label) ? 'topics' : label;
}

function defaultName(scope: Construct): string {
  return Names.uniqueResourceName(scope, {
    maxLength: triggerLimits.triggerNameLengthMax,
    separator: '-',
    allowedSpecialCharacters: '._-',
  });
}
