/**
 * What a deployment lets triggers deliver to, for the functions that serve `/v1/triggers`: MILLRACE_ALLOWED_TARGETS and
 * tags.
 */
import { LambdaClient, ListTagsCommand } from '@aws-sdk/client-lambda';
import {
  anyPolicy,
  arnPatternPolicy,
  regionalPolicy,
  type TagLookup,
  type TargetPolicy,
  taggedPolicy,
} from '../../lib/broker/triggers/target-policy.ts';
import { readAllowedTargets, readRegion } from './environment.ts';

/** Throws where the environment is wrong. */
export function deployedTargetPolicy(variables = process.env): TargetPolicy {
  const { patterns, tagged, tenant } = readAllowedTargets(variables);
  const named = arnPatternPolicy(patterns);
  const granted = tagged ? anyPolicy([named, taggedPolicy(functionTags(new LambdaClient({})), tenant)]) : named;
  return regionalPolicy(granted, readRegion(variables));
}

/** Tags of functions, which a version or an alias shares. What the role may not look at has none. */
function functionTags(client: LambdaClient): TagLookup {
  return {
    tagsOf: async (arn) => {
      const [, Resource] = /^(arn:[^:]+:lambda:[^:]+:\d+:function:[^:]+)/.exec(arn) ?? [];
      if (Resource === undefined) return undefined;
      try {
        const { Tags = {} } = await client.send(new ListTagsCommand({ Resource }));
        return new Map(Object.entries(Tags));
      } catch (error) {
        if (error instanceof Error && UNSEEN.has(error.name)) return undefined;
        throw error;
      }
    },
  };
}

const UNSEEN = new Set(['AccessDeniedException', 'ResourceNotFoundException']);
