import { Duration } from 'aws-cdk-lib';
import type { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Construct } from 'constructs';
import { MillraceFunction } from './millrace-function.ts';
import {
  acknowledgeObjectNames,
  type BackendProps,
  backendEnvironment,
  backendStatements,
} from './millrace-functions.ts';
import { addSchedule } from './schedule.ts';
import { addStreamMapping, readStream } from './table-stream.ts';
import { APPEARED_WORK } from './work-filters.ts';

/** Lambda's most, which only a backlog needs: what is left after that goes on with the next run. */
const TIMEOUT_SECONDS = 900;

/** Merging and compaction, which run at the same time, take up to 200 MB each beside what any function takes. */
const MEMORY_MIB = 1_024;

/**
 * Lambda's most: segments are kept there until each is sent by one put, which costs a tenth of sending them in parts.
 * It is billed while the function runs, a fiftieth of its memory.
 */
const DISK_MIB = 10_240;

/**
 * How often there is merging beside the hourly run. Every wake-up costs, also where there is nothing to merge; with
 * less of them readers find more of the last records in small pieces.
 */
const MERGING_MINUTES = 20;

/** What the stream tells of and is not done with by then is the next hourly run's. */
const APPEARED_FOR = Duration.hours(1);

/**
 * What is to be done now and then, whoever calls (`lambdas/maintenance.ts`): a function that one schedule wakes once an
 * hour for all of it, and another more often for merging, which must keep up with what is written; and that the table's
 * stream wakes for what somebody has just asked for. It is the only one that may delete objects of the bucket.
 *
 * Deliberately not woken by the stream for merging: that would have to tell from a head alone that it is due, which
 * takes one more attribute and write of every seal; and not by itself, because a run that is cut off would wake nobody.
 *
 * Deliberately without reserved concurrency: two runs at once do no harm, a ledger's lease keeps them from merging it
 * twice, and the account's pool is for callers.
 */
export class MillraceMaintenance extends Construct {
  readonly function: MillraceFunction;
  readonly schedule: CfnSchedule;
  /** For merging alone. */
  readonly mergingSchedule: CfnSchedule;

  constructor(scope: Construct, id: string, props: BackendProps) {
    super(scope, id);
    const lambda = 'maintenance';
    this.function = new MillraceFunction(this, 'Function', {
      lambda,
      environment: backendEnvironment(lambda, props),
      statements: [...backendStatements(lambda, props), readStream(props.table)],
      memoryMiB: MEMORY_MIB,
      diskMiB: DISK_MIB,
      timeoutSeconds: TIMEOUT_SECONDS,
      logRetentionDays: props.logRetentionDays,
      lambdasDirectory: props.lambdasDirectory,
    });
    acknowledgeObjectNames(this.function.role, lambda, props.bucket);
    props.replicas?.acknowledgeObjectNames(this.function.role, lambda);
    this.schedule = addSchedule(this, {
      functionArn: this.function.function.functionArn,
      description: 'Wakes the maintenance',
      every: 'hour',
      // Many tenants of an account need not all be woken in the same second.
      flexibleMinutes: 15,
    });
    this.mergingSchedule = addSchedule(new Construct(this, 'Merging'), {
      functionArn: this.function.function.functionArn,
      description: 'Wakes the maintenance for merging alone',
      every: { minutes: MERGING_MINUTES },
      flexibleMinutes: 5,
      input: { only: 'merging' },
    });
    this.addMapping(props);
  }

  /**
   * Lambda hands over what is not done once more, three times at most and for an hour at most: so what takes longer
   * than one run goes on in the next, and nothing comes again for ever. Records of one partition key come one after the
   * other, and there are two such keys: at most one run for erasures and one for deleted topics are under way, beside
   * those of the schedules.
   */
  private addMapping({ table }: BackendProps): void {
    addStreamMapping(this, {
      target: this.function,
      table,
      filters: [...APPEARED_WORK],
      batchSize: 10,
      parallelizationFactor: 2,
      reportBatchItemFailures: true,
      retryAttempts: 3,
      maxRecordAge: APPEARED_FOR,
    });
  }
}
