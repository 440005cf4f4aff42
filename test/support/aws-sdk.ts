/**
 * The SDK that Millrace ships with. Suites below `test/peers` take it from here: by its own name they would get the copy
 * that some peer brought along, and test that.
 */
export {
  DescribeTableCommand,
  DynamoDBClient,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
export {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
