/**
 * A function that only creates the two AWS clients that Millrace's functions create: the least that they could load.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';

const clients = [new DynamoDBClient({ maxAttempts: 1 }), new S3Client({ maxAttempts: 1 })];

export const handler = async (): Promise<number> => clients.length;
