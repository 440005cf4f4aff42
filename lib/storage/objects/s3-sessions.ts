/**
 * Sessions of directory buckets: temporary credentials for one bucket, good for five minutes, that sign all requests to
 * its objects (Amazon S3 API, CreateSession).
 *
 * In place of the SDK's own keeping of them, whose renewal in the background rejects into nowhere when it fails: that
 * ends the process, and a zone's outage, which replicas are for, is when it fails. Here it fails quietly while the
 * session lasts, and after that the request that needs a new one fails.
 */
import { CreateSessionCommand, S3Client, type S3ClientConfig, type SessionCredentials } from '@aws-sdk/client-s3';
import { assert } from '../../kernel/assert.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MillraceError } from '../../kernel/errors.ts';
import { replicationLimits } from '../../kernel/limits/replication.ts';
import { s3ClientConfig } from './s3.ts';

export interface SessionIdentity {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: Date;
}

interface Session {
  identity?: SessionIdentity;
  /** A new one is on its way. */
  renewal?: Promise<SessionIdentity>;
}

export class S3Sessions {
  private readonly clock: Clock;
  private readonly create: (bucket: string) => Promise<SessionCredentials | undefined>;
  private readonly sessions = new Map<string, Session>();
  private accessKeyId: string | undefined;

  constructor(parts: { clock: Clock; create: (bucket: string) => Promise<SessionCredentials | undefined> }) {
    this.clock = parts.clock;
    this.create = parts.create;
  }

  /** The SDK's name for what gives out the session to sign with. */
  async getS3ExpressIdentity(caller: { accessKeyId: string }, { Bucket }: Record<string, string>) {
    assert(Bucket !== undefined, 'a session is of a bucket');
    // What a session may do is what its caller might when it was made.
    if (caller.accessKeyId !== this.accessKeyId) this.sessions.clear();
    this.accessKeyId = caller.accessKeyId;
    const session = this.sessions.get(Bucket) ?? {};
    this.sessions.set(Bucket, session);
    const { identity } = session;
    const leftMs = identity === undefined ? 0 : identity.expiration.getTime() - this.clock.now();
    if (leftMs > replicationLimits.sessionRenewalMs && identity !== undefined) return identity;
    const renewal = this.renew(Bucket, session);
    if (leftMs <= 0 || identity === undefined) return renewal;
    renewal.catch(() => undefined); // the session still lasts, and the next request tries again
    return identity;
  }

  private renew(bucket: string, session: Session): Promise<SessionIdentity> {
    session.renewal ??= this.create(bucket)
      .then((credentials) => {
        session.identity = identityOf(credentials);
        return session.identity;
      })
      .finally(() => {
        session.renewal = undefined;
      });
    return session.renewal;
  }
}

function identityOf(credentials: SessionCredentials | undefined): SessionIdentity {
  const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = credentials ?? {};
  if (
    AccessKeyId === undefined ||
    SecretAccessKey === undefined ||
    SessionToken === undefined ||
    Expiration === undefined
  ) {
    // Servers that speak S3 and know no directory buckets take the request for another.
    throw new MillraceError('KAFKA_STORAGE_ERROR', 'S3 answered CreateSession without credentials');
  }
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: Expiration,
  };
}

export interface S3ClientOptions {
  environment: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  /** The region of the client's buckets, directory buckets included; by default the environment's. */
  region?: string;
  /** Over what the adapter's clients are made with. */
  config?: S3ClientConfig;
}

/** A client for buckets of one region, of both kinds. */
export function createS3Client({ environment, clock, region, config }: S3ClientOptions): S3Client {
  const sessions = new S3Sessions({
    clock,
    create: async (bucket) => (await client.send(new CreateSessionCommand({ Bucket: bucket }))).Credentials,
  });
  const client = new S3Client({
    ...s3ClientConfig(environment),
    ...config,
    ...(region !== undefined && { region }),
    s3ExpressIdentityProvider: sessions,
  });
  return client;
}
