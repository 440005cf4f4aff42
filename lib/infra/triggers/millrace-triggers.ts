import { Duration, Stack } from 'aws-cdk-lib';
import { Effect, Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { MillraceFunction } from '../millrace-function.ts';
import { addBackendFunction, type BackendProps } from '../millrace-functions.ts';
import { OptionError } from '../option-error.ts';
import { addSchedule } from '../schedule.ts';
import { addStreamMapping, readStream } from '../table-stream.ts';
import { acknowledgeTargets, checkAllowedTargets, targetStatements } from './allowed-targets.ts';
import { WAKING_HEADS } from './stream-filter.ts';
import type { TriggerHost } from './trigger-host.ts';

export interface MillraceTriggersProps extends BackendProps {
  /** Whether `/v1/triggers` has a function of its own, for an HTTP API; a web function serves all routes. */
  ownApi: boolean;
  /** What events say their brokers are: the API's `host:port`. */
  bootstrapServers: string;
  /** Dispatchers at once, set aside from the account's pool. Default: none set aside. */
  dispatcherConcurrency?: number;
  /** Of the dispatcher. Default 1024. */
  memoryMiB?: number;
  /** How often the sweeper looks for what a wake-up missed, 1 to 60. Default 1. */
  sweepMinutes?: number;
}

/** The most that Lambda gives. Functions may take 12 minutes of them, since the dispatcher must outlive them. */
const DISPATCHER_TIMEOUT_SECONDS = 900;

/** Reading what a trigger drives and writing it; CloudFormation waits for an hour. */
const REGISTRAR_TIMEOUT_SECONDS = 120;

/** The router passes stream records on and has nothing to wait for. */
const ROUTER_TIMEOUT_SECONDS = 10;

const SWEEPER_TIMEOUT_SECONDS = 55;

/**
 * What delivers records to functions (docs/triggers.md): the table's stream → router → dispatcher, a sweeper for what a
 * wake-up missed, and the functions that make triggers, for the API and for CloudFormation. While nothing is produced
 * only the sweeper runs.
 */
export class MillraceTriggers extends Construct implements TriggerHost {
  readonly router: MillraceFunction;
  readonly dispatcher: MillraceFunction;
  readonly sweeper: MillraceFunction;
  /** Serves `/v1/triggers` behind an HTTP API; absent where a web function does. */
  readonly api: MillraceFunction | undefined;
  /** Makes triggers for CloudFormation. */
  readonly registrar: MillraceFunction;

  constructor(scope: Construct, id: string, props: MillraceTriggersProps) {
    super(scope, id);
    const { allowedTargets = [], sweepMinutes = 1 } = props;
    checkAllowedTargets(allowedTargets);
    if (!Number.isInteger(sweepMinutes) || sweepMinutes < 1 || sweepMinutes > 60) {
      throw new OptionError(`triggerSweepMinutes is ${sweepMinutes}; it is a whole number from 1 to 60.`);
    }
    this.dispatcher = this.addDispatcher(props, allowedTargets);
    const handsOn = {
      environment: { MILLRACE_DISPATCHER: this.dispatcher.function.functionName },
      statements: [invoke(this.dispatcherArn)],
    };
    const router = { lambda: 'router', backend: props, timeoutSeconds: ROUTER_TIMEOUT_SECONDS } as const;
    this.router = addBackendFunction(this, 'Router', {
      ...router,
      ...handsOn,
      statements: [...handsOn.statements, readStream(props.table)],
    });
    this.addMapping(props);
    const sweeper = { lambda: 'trigger-sweeper', backend: props, timeoutSeconds: SWEEPER_TIMEOUT_SECONDS } as const;
    this.sweeper = addBackendFunction(this, 'Sweeper', { ...sweeper, ...handsOn });
    addSchedule(this, {
      functionArn: this.sweeper.function.functionArn,
      description: 'Looks for records that a wake-up of a trigger missed',
      every: { minutes: sweepMinutes },
    });
    this.api = props.ownApi ? addBackendFunction(this, 'Api', { lambda: 'triggers', backend: props }) : undefined;
    this.registrar = addBackendFunction(this, 'Registrar', {
      lambda: 'trigger-registrar',
      backend: props,
      timeoutSeconds: REGISTRAR_TIMEOUT_SECONDS,
    });
  }

  get account(): string {
    return Stack.of(this).account;
  }

  get region(): string {
    return Stack.of(this).region;
  }

  get registrarArn(): string {
    return this.registrar.function.functionArn;
  }

  get dispatcherArn(): string {
    return this.dispatcher.function.functionArn;
  }

  get dispatcherRoleArn(): string {
    return this.dispatcher.role.roleArn;
  }

  private addDispatcher(props: MillraceTriggersProps, allowedTargets: readonly string[]): MillraceFunction {
    const { tenant, memoryMiB, dispatcherConcurrency } = props;
    const dispatcher = addBackendFunction(this, 'Dispatcher', {
      lambda: 'dispatcher',
      backend: props,
      environment: {
        MILLRACE_EVENT_SOURCE_ARN: eventSourceArn(this, tenant),
        MILLRACE_BOOTSTRAP_SERVERS: props.bootstrapServers,
      },
      memoryMiB,
      timeoutSeconds: DISPATCHER_TIMEOUT_SECONDS,
      invokesItself: true,
      reservedConcurrency: dispatcherConcurrency,
      statements: targetStatements(allowedTargets, tenant),
    });
    acknowledgeTargets(dispatcher.role, allowedTargets);
    // An event that is not taken within a minute is not needed any more: the sweeper asks again, and so does the next
    // record.
    dispatcher.function.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
    // A policy of its own: the role's default policy must exist before the function, and this one names the function.
    new Policy(this, 'HandOn', { roles: [dispatcher.role], statements: [invoke(dispatcher.function.functionArn)] });
    return dispatcher;
  }

  /** Wake-ups carry no order and may be lost, so that many go at once and none is held on to. */
  private addMapping({ table }: BackendProps): void {
    addStreamMapping(this, {
      target: this.router,
      table,
      filters: [WAKING_HEADS],
      batchSize: 100,
      maxBatchingWindow: Duration.seconds(0),
      parallelizationFactor: 10,
      bisectBatchOnError: true,
      retryAttempts: 3,
      // The least that Lambda takes.
      maxRecordAge: Duration.seconds(60),
    });
  }
}

function invoke(functionArn: string): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions: ['lambda:InvokeFunction'], resources: [functionArn] });
}

/** Where the event of an MSK cluster has its ARN, handlers and libraries look for one of that form. */
function eventSourceArn(scope: Construct, tenant: string): string {
  return Stack.of(scope).formatArn({
    service: 'kafka',
    resource: 'cluster',
    resourceName: `millrace-${tenant}/00000000-0000-0000-0000-000000000000-0`,
  });
}
