import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anyPolicy,
  arnPatternPolicy,
  handlerPolicy,
  noTargets,
  regionalPolicy,
  type TargetPolicy,
  taggedPolicy,
} from '../../../lib/broker/triggers/target-policy.ts';

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:orders';

const allows = async (policy: TargetPolicy, arn: string) => (await policy.allows(arn)).allowed;

describe('the region', () => {
  const everything = regionalPolicy(arnPatternPolicy(['*']), 'eu-central-1');

  it.each([
    [ARN, true],
    ['arn:aws:lambda:us-east-1:123456789012:function:orders', false],
    ['arn:aws:sqs:us-east-1:123456789012:poison', false],
    ['arn:aws:s3:::poison', true],
  ])('is the dispatcher’s, whatever was granted: %s: %s', async (arn, allowed) => {
    expect(await allows(everything, arn)).toBe(allowed);
  });

  it('grants nothing by itself', async () => {
    expect(await allows(regionalPolicy(noTargets, 'eu-central-1'), ARN)).toBe(false);
  });
});

describe('patterns of ARNs', () => {
  it.each([
    [ARN, ARN, true],
    [ARN, `${ARN}:live`, false],
    [`${ARN}*`, ARN, true],
    [`${ARN}:*`, ARN, false],
    [`${ARN}:*`, `${ARN}:live`, true],
    ['arn:aws:lambda:*:123456789012:function:*', ARN, true],
    ['arn:aws:lambda:*:999999999999:function:*', ARN, false],
    ['*', ARN, true],
    ['a*a', 'a', false],
    ['a*a*a', 'aa', false],
    ['a*b*b', 'ab', false],
    ['a**b', 'ab', true],
    ['.*', ARN, false],
  ])('%s and %s: %s', async (pattern, arn, allowed) => {
    expect(await allows(arnPatternPolicy([pattern]), arn)).toBe(allowed);
  });

  it('mean what a regular expression with .* for each star means', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    const word = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(text, word, async (pattern, arn) => {
        const expected = new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(arn);
        expect(await allows(arnPatternPolicy([pattern]), arn)).toBe(expected);
      }),
    );
  });
});

describe('what a deployment grants', () => {
  it('is nothing without patterns', async () => {
    expect(arnPatternPolicy([])).toBe(noTargets);
    expect(await noTargets.allows(ARN)).toEqual({
      allowed: false,
      missing: `"${ARN}" among the allowedTargets of the deployment, which has none`,
    });
  });

  it('can be resources that carry the tenant in a tag', async () => {
    const tags = new Map([[ARN, new Map([['millrace:tenant', 'blue']])]]);
    const lookup = { tagsOf: async (arn: string) => tags.get(arn) };
    expect(await allows(taggedPolicy(lookup, 'blue'), ARN)).toBe(true);
    expect(await taggedPolicy(lookup, 'red').allows(ARN)).toEqual({
      allowed: false,
      missing: `the tag millrace:tenant=red on "${ARN}"`,
    });
    expect(await allows(taggedPolicy(lookup, 'blue'), `${ARN}-other`)).toBe(false);
  });

  it('is what any of its parts allows, and names all that is missing else', async () => {
    const policy = anyPolicy([arnPatternPolicy(['x']), handlerPolicy(new Set(['mails.handler']))]);
    expect(await allows(policy, 'x')).toBe(true);
    expect(await allows(policy, 'mails.handler')).toBe(true);
    expect(await policy.allows('y')).toEqual({
      allowed: false,
      missing:
        '"y" among the allowedTargets of the deployment: x, or a handler "y" at this server\'s start, which has mails.handler',
    });
  });
});
