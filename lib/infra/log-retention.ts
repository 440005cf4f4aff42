import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { OptionError } from './option-error.ts';

/** The retentions that CloudWatch Logs knows, in days. */
const ALLOWED_DAYS = Object.values(RetentionDays).filter(
  (days): days is RetentionDays => typeof days === 'number' && days !== RetentionDays.INFINITE,
);

/** A number of days as CloudWatch's retention; throws a sentence with the allowed numbers for any other. */
export function logRetention(days: number): RetentionDays {
  const retention = ALLOWED_DAYS.find((allowed: number) => allowed === days);
  if (retention !== undefined) return retention;
  throw new OptionError(`logRetentionDays is ${days}; CloudWatch Logs keeps logs for ${ALLOWED_DAYS.join(', ')} days.`);
}
