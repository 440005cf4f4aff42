import type { SessionCredentials } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { replicationLimits } from '../../../lib/kernel/limits/replication.ts';
import { S3Sessions } from '../../../lib/storage/objects/s3-sessions.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const FIVE_MINUTES = 300_000;
const caller = { accessKeyId: 'AKIA' };
const bucket = { Bucket: 'a--use1-az4--x-s3' };

/** Sessions of which the n-th has the token `n`; `failing` makes CreateSession fail. */
function makeSessions() {
  const clock = new ManualClock();
  const state = { created: [] as string[], failing: false };
  const create = async (of: string): Promise<SessionCredentials> => {
    state.created.push(of);
    if (state.failing) throw new Error('the zone is down');
    const SessionToken = String(state.created.length);
    return {
      AccessKeyId: 'ASIA',
      SecretAccessKey: 's',
      SessionToken,
      Expiration: new Date(clock.now() + FIVE_MINUTES),
    };
  };
  const sessions = new S3Sessions({ clock, create });
  const token = async () => (await sessions.getS3ExpressIdentity(caller, bucket)).sessionToken;
  return { clock, state, sessions, token };
}

describe('a session', () => {
  test('is made once for all that ask at once, and used until it nears its end', async () => {
    const { clock, state, token } = makeSessions();
    expect(await Promise.all([token(), token(), token()])).toEqual(['1', '1', '1']);
    await clock.advance(FIVE_MINUTES - replicationLimits.sessionRenewalMs - 1);
    expect(await token()).toBe('1');
    expect(state.created).toHaveLength(1);
  });

  test('is renewed beside the requests while it still lasts', async () => {
    const { clock, token } = makeSessions();
    await token();
    await clock.advance(FIVE_MINUTES - replicationLimits.sessionRenewalMs);
    expect(await token()).toBe('1');
    await clock.advance(0);
    expect(await token()).toBe('2');
  });

  test('that cannot be renewed fails nobody while it lasts', async () => {
    const { clock, state, token } = makeSessions();
    await token();
    state.failing = true;
    await clock.advance(FIVE_MINUTES - 1);
    expect([await token(), await token()]).toEqual(['1', '1']);
    await clock.advance(1);
    await expect(token()).rejects.toThrow('the zone is down');
    state.failing = false;
    expect(await token()).toBe(String(state.created.length));
  });

  test('is of one bucket and one caller', async () => {
    const { sessions, state, token } = makeSessions();
    await token();
    await sessions.getS3ExpressIdentity(caller, { Bucket: 'b--use1-az4--x-s3' });
    await sessions.getS3ExpressIdentity({ accessKeyId: 'ANOTHER' }, bucket);
    expect(state.created).toEqual([bucket.Bucket, 'b--use1-az4--x-s3', bucket.Bucket]);
  });

  test('has credentials, or is none', async () => {
    const sessions = new S3Sessions({ clock: new ManualClock(), create: async () => undefined });
    await expect(sessions.getS3ExpressIdentity(caller, bucket)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  });
});
