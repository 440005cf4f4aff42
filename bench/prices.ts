/**
 * List prices in us-east-1, in dollars, without free tiers and volume discounts. The only place in the bench with a
 * price.
 *
 * AWS fills its price tables in the browser, so none of its pages could be read as text here. Each price therefore
 * names AWS's page, the day that a public copy of it, or of the price list behind it, was dated, and what that copy
 * was. None is from memory. Check them against the page before you rest a decision on them.
 */

export interface Price {
  dollars: number;
  per: string;
  /** Where AWS publishes it. */
  page: string;
  /** The date of the copy. */
  asOf: string;
  copy: string;
}

const PRICE_LIST_S3 =
  "AWS's price list for us-east-1, published 2026-09-28, as quoted with its version in a public cost study";
const PRICE_LIST_AUGUST =
  "AWS's price list (returned on that day for us-west-2, whose rates for these are the same), in a public cost model";
const KINESIS_NOTES = 'public notes on AWS messaging that quote the page, US East (N. Virginia)';

const dynamodb = {
  page: 'https://aws.amazon.com/dynamodb/pricing/on-demand/',
  asOf: '2026-08-09',
  copy: PRICE_LIST_AUGUST,
};
const s3 = { page: 'https://aws.amazon.com/s3/pricing/', asOf: '2026-09-28', copy: PRICE_LIST_S3 };
const lambda = { page: 'https://aws.amazon.com/lambda/pricing/', asOf: '2026-08-09', copy: PRICE_LIST_AUGUST };
const kinesis = {
  page: 'https://aws.amazon.com/kinesis/data-streams/pricing/',
  asOf: '2026-08-08',
  copy: KINESIS_NOTES,
};
const msk = {
  page: 'https://aws.amazon.com/msk/pricing/',
  asOf: '2026-09-28',
  copy: 'public cost notes that quote the page, us-east-1',
};
const mskUse = {
  ...msk,
  asOf: '2022-10-03',
  copy: 'a public table of the dimensions; repeated unchanged in notes of 2026',
};
const fargate = {
  page: 'https://aws.amazon.com/fargate/pricing/',
  asOf: '2026-03-01',
  copy: 'two public articles, us-east-1, Linux on ARM',
};

export const prices = {
  /** A write of up to 1 KiB; a transactional one counts twice. */
  dynamodbWriteUnit: { dollars: 0.625e-6, per: 'write request unit', ...dynamodb },
  /** A strongly consistent read of up to 4 KiB, or two eventually consistent ones. */
  dynamodbReadUnit: { dollars: 0.125e-6, per: 'read request unit', ...dynamodb },
  dynamodbStorage: { dollars: 0.25, per: 'GB-month', ...dynamodb },

  s3Put: { dollars: 0.005e-3, per: 'PUT, COPY, POST or LIST request', ...s3 },
  s3Get: { dollars: 0.0004e-3, per: 'GET or other request; DELETE is free', ...s3 },
  s3Storage: { dollars: 0.023, per: 'GB-month of the first 50 TB', ...s3 },

  lambdaRequest: { dollars: 0.2e-6, per: 'request', ...lambda },
  lambdaDuration: { dollars: 0.0000133334, per: 'GB-second on arm64', ...lambda },
  /** Of `/tmp`, beyond the first 512 MB. */
  lambdaStorage: {
    dollars: 0.0000000309,
    per: 'GB-second of ephemeral storage',
    page: 'https://aws.amazon.com/lambda/pricing/',
    asOf: '2026-08-21',
    copy: "AWS's regional price catalogue, as quoted with its date in public cost notes",
  },
  /** Up to 20 MB/s of a mapping for Kafka in provisioned mode; AWS's developer guide has the same in an example. */
  lambdaPollerUnit: {
    dollars: 0.185,
    per: 'Event Poller Unit-hour, Kafka',
    page: 'https://aws.amazon.com/lambda/pricing/',
    asOf: '2026-09-19',
    copy: "AWS's price list, as quoted with its date in public cost notes",
  },
  schedulerInvocation: {
    dollars: 1e-6,
    per: 'invocation by EventBridge Scheduler, after the free tier',
    page: 'https://aws.amazon.com/eventbridge/pricing/',
    asOf: '2026-08-12',
    copy: "AWS's price list for us-east-1, as quoted with its date in a public cost study",
  },

  /** Metered in 512 KB of request or response. */
  httpApiRequest: {
    dollars: 1e-6,
    per: 'request of up to 512 KB',
    page: 'https://aws.amazon.com/api-gateway/pricing/',
    asOf: '2026-08-09',
    copy: PRICE_LIST_AUGUST,
  },

  fargateCpu: { dollars: 0.03238, per: 'vCPU-hour on ARM', ...fargate },
  fargateMemory: { dollars: 0.00356, per: 'GB-hour on ARM', ...fargate },

  kinesisStreamHour: { dollars: 0.04, per: 'stream-hour, on demand', ...kinesis },
  /** Each record rounded up to 1 KB. */
  kinesisIn: { dollars: 0.08, per: 'GB in, on demand', ...kinesis },
  kinesisOut: { dollars: 0.04, per: 'GB out, on demand', ...kinesis },
  kinesisShardHour: { dollars: 0.015, per: 'shard-hour, provisioned', ...kinesis },
  /** 25 KB of a record. */
  kinesisPutUnit: { dollars: 0.014e-6, per: 'PUT payload unit, provisioned', ...kinesis },

  mskClusterHour: { dollars: 0.75, per: 'cluster-hour, serverless', ...msk },
  mskPartitionHour: { dollars: 0.0015, per: 'partition-hour, serverless', ...msk },
  mskIn: { dollars: 0.1, per: 'GB in, serverless', ...mskUse },
  mskOut: { dollars: 0.05, per: 'GB out, serverless', ...mskUse },
  mskStorage: { dollars: 0.1, per: 'GB-month, serverless', ...mskUse },
} as const satisfies Record<string, Price>;
