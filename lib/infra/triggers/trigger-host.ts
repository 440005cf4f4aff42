/**
 * What an event source needs to know of the backend that delivers to its function. Only names and ARNs, and all on one
 * side: a stack with functions refers to the backend's stack, never the other way around.
 */
import { Arn, ArnFormat, Token } from 'aws-cdk-lib';
import { OptionError } from '../option-error.ts';

export interface TriggerHost {
  /** The function that CloudFormation asks to create, alter and delete triggers. */
  readonly registrarArn: string;
  readonly dispatcherArn: string;
  /** The role that invokes functions and sends to destinations. */
  readonly dispatcherRoleArn: string;
  readonly account: string;
  readonly region: string;
}

/**
 * A backend whose triggers can be bound to: a `TenantStack`, or what `TriggerBackend.fromArns` makes of another app's.
 */
export interface ITriggerBackend {
  /** Adds what delivers to functions, once. */
  enableTriggers(): TriggerHost;
}

/** The outputs of a stack with triggers. */
export interface TriggerBackendArns {
  /** `TriggerRegistrarArn` */
  readonly registrarArn: string;
  /** `DispatcherArn` */
  readonly dispatcherArn: string;
  /** `DispatcherRoleArn` */
  readonly dispatcherRoleArn: string;
}

/** A backend that another app has deployed, with its option `triggers` on. */
export class TriggerBackend implements ITriggerBackend {
  private readonly host: TriggerHost;

  private constructor(host: TriggerHost) {
    this.host = host;
  }

  static fromArns(arns: TriggerBackendArns): TriggerBackend {
    if (Token.isUnresolved(arns.dispatcherArn)) {
      throw new OptionError(
        'dispatcherArn is only known at deployment; the account and region of the backend must be known.',
      );
    }
    const { account = '', region = '' } = Arn.split(arns.dispatcherArn, ArnFormat.COLON_RESOURCE_NAME);
    return new TriggerBackend({ ...arns, account, region });
  }

  enableTriggers(): TriggerHost {
    return this.host;
  }
}
