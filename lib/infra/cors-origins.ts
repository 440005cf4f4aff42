/**
 * Pages of other origins that may call a tenant's API, and read history from its bucket by signed URLs: the one without
 * the other would leave a page with half of what it needs.
 */
import { type CorsRule, HttpMethods } from 'aws-cdk-lib/aws-s3';
import type { Authorizer } from './millrace-functions.ts';
import { OptionError } from './option-error.ts';

/** Refuses what is no origin, with a sentence. */
export function checkCorsOrigins(origins: readonly string[], authorizer: Authorizer): void {
  if (origins.length > 0 && authorizer === 'iam') {
    throw new OptionError(
      'corsOrigins does not apply to the authorizer iam: a browser asks first, without a signature, and IAM refuses that.',
    );
  }
  for (const origin of origins) {
    if (origin === '*' || (URL.canParse(origin) && new URL(origin).origin === origin)) continue;
    throw new OptionError(`corsOrigins has "${origin}", not an origin like https://app.example.com, nor *.`);
  }
}

/** What a bucket lets these pages do: read a range, with the headers that its URL is signed for. */
export function corsRules(origins: readonly string[]): CorsRule[] {
  if (origins.length === 0) return [];
  return [
    {
      allowedOrigins: [...origins],
      allowedMethods: [HttpMethods.GET, HttpMethods.HEAD],
      allowedHeaders: ['range', 'if-range'],
      exposedHeaders: ['Content-Range', 'Accept-Ranges', 'ETag'],
      // As long as browsers remember at most; Chromium does for two hours.
      maxAge: 7_200,
    },
  ];
}
