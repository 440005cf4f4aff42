/**
 * Which functions triggers may invoke, and where what fails may go: what the deployment has granted. Whoever makes
 * triggers at run time gets no further than the dispatcher's role, and hears from here which grant is missing.
 */
import type { Trigger } from '../../coordination/triggers/trigger.ts';
import { MillraceError } from '../../kernel/errors.ts';

export type TargetVerdict =
  | { allowed: true }
  /** `missing`: what would allow it, to follow "it needs". */
  | { allowed: false; missing: string };

export interface TargetPolicy {
  /** `arn` of a function, a queue, an SNS topic or a bucket; or the name of a local handler. */
  allows(arn: string): Promise<TargetVerdict>;
}

/** Where nothing was granted. */
export const noTargets: TargetPolicy = {
  allows: async (arn) => ({
    allowed: false,
    missing: `"${arn}" among the allowedTargets of the deployment, which has none`,
  }),
};

/** ARNs with `*` for any characters, as in IAM's policies. */
export function arnPatternPolicy(patterns: readonly string[]): TargetPolicy {
  if (patterns.length === 0) return noTargets;
  return {
    async allows(arn) {
      // A version or an alias of a function that is allowed: IAM takes them for resources of their own, so the patterns
      // do.
      if (patterns.some((pattern) => matchesStars(pattern, arn))) return { allowed: true };
      return { allowed: false, missing: `"${arn}" among the allowedTargets of the deployment: ${patterns.join(', ')}` };
    },
  };
}

/** Tags of a resource. */
export interface TagLookup {
  /** `undefined`: there is no such resource, or it may not be looked at. */
  tagsOf(arn: string): Promise<ReadonlyMap<string, string> | undefined>;
}

const TENANT_TAG = 'millrace:tenant';

/** Resources that carry the tenant's name in their tag `millrace:tenant`. */
export function taggedPolicy(lookup: TagLookup, tenant: string): TargetPolicy {
  return {
    async allows(arn) {
      const tags = await lookup.tagsOf(arn);
      if (tags?.get(TENANT_TAG) === tenant) return { allowed: true };
      return { allowed: false, missing: `the tag ${TENANT_TAG}=${tenant} on "${arn}"` };
    },
  };
}

/** What any of them allows. */
export function anyPolicy(policies: readonly TargetPolicy[]): TargetPolicy {
  return {
    async allows(arn) {
      const missing: string[] = [];
      for (const policy of policies) {
        const verdict = await policy.allows(arn);
        if (verdict.allowed) return verdict;
        missing.push(verdict.missing);
      }
      return { allowed: false, missing: missing.length === 0 ? `"${arn}" to be granted` : missing.join(', or ') };
    },
  };
}

/**
 * What `policy` allows in the dispatcher's region, where its clients are: elsewhere they would find nothing. Buckets
 * have none.
 */
export function regionalPolicy(policy: TargetPolicy, dispatcherRegion: string): TargetPolicy {
  return {
    async allows(arn) {
      const [prefix, , , region = ''] = arn.split(':');
      if (prefix !== 'arn' || region === '' || region === dispatcherRegion) return policy.allows(arn);
      return { allowed: false, missing: `one in ${dispatcherRegion}, where the dispatcher is, not in ${region}` };
    },
  };
}

/** The handlers that a local server has. */
export function handlerPolicy(handlers: ReadonlySet<string>): TargetPolicy {
  return {
    async allows(name) {
      if (handlers.has(name)) return { allowed: true };
      const known = handlers.size === 0 ? 'none' : [...handlers].join(', ');
      return { allowed: false, missing: `a handler "${name}" at this server's start, which has ${known}` };
    },
  };
}

/** Throws `FORBIDDEN`, naming the missing grant. A topic of the log needs none. */
export async function requireAllowed(policy: TargetPolicy, { target, onFailure }: Trigger): Promise<void> {
  await requireOne(policy, target, 'target');
  if (onFailure !== undefined && onFailure.kind !== 'topic') await requireOne(policy, onFailure.arn, 'on_failure.arn');
}

async function requireOne(policy: TargetPolicy, arn: string, field: string): Promise<void> {
  const verdict = await policy.allows(arn);
  if (verdict.allowed) return;
  const what = field === 'target' ? 'invoke its target' : 'send to its destination';
  throw new MillraceError('FORBIDDEN', `The trigger may not ${what}: it needs ${verdict.missing}.`, {
    facts: { field },
  });
}

/** Greedy and without going back: only what stands between stars has to be found, each time as early as possible. */
function matchesStars(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === text;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
