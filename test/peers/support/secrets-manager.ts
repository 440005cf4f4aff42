/**
 * Secrets Manager with one secret, as far as GetSecretValue goes; it checks every signature with the SDK's own signer.
 */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignatureV4 } from '@smithy/signature-v4';
import { SESSION_TOKEN } from './execution-environment.ts';
import { S3_CREDENTIALS } from './s3-server.ts';

export interface SecretsManager {
  readonly endpoint: string;
  /** Requests that were answered, refused ones included. */
  readonly requests: () => number;
  /** What the secret says from now on; `undefined` makes every request fail. */
  put(secret: string | undefined): void;
  close(): Promise<void>;
}

const CREDENTIALS = { ...S3_CREDENTIALS, sessionToken: SESSION_TOKEN };

export async function startSecretsManager(arn: string, initial: string): Promise<SecretsManager> {
  let secret: string | undefined = initial;
  let requests = 0;
  const server = createServer((request, response) => {
    void answerTo(request).then(({ status, body }) => {
      requests++;
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
    });
  });
  const answerTo = async (request: IncomingMessage) => {
    const body = await bodyOf(request);
    if (!(await isSigned(request, body, arn.split(':')[3] ?? ''))) return fault('InvalidSignatureException');
    if (request.headers['x-amz-target'] !== 'secretsmanager.GetSecretValue') return fault('UnknownOperationException');
    if ((JSON.parse(body) as { SecretId?: string }).SecretId !== arn) return fault('ResourceNotFoundException');
    if (secret === undefined) return { status: 500, body: { __type: 'InternalServiceError' } };
    return { status: 200, body: { ARN: arn, Name: 'admin', VersionId: '1', SecretString: secret } };
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    put: (value) => {
      secret = value;
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function fault(type: string) {
  return { status: 400, body: { __type: type } };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Signs the headers that the request says it has signed, and compares. */
async function isSigned(request: IncomingMessage, body: string, region: string): Promise<boolean> {
  const authorization = request.headers.authorization ?? '';
  const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? [];
  const date = String(request.headers['x-amz-date']);
  const headers = Object.fromEntries(signed.map((name) => [name, String(request.headers[name])]));
  const signer = new SignatureV4({ service: 'secretsmanager', region, credentials: CREDENTIALS, sha256: Sha256 });
  const signingDate = new Date(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  const again = await signer.sign(
    { method: 'POST', protocol: 'http:', hostname: '127.0.0.1', path: '/', headers, body },
    { signingDate },
  );
  return again.headers['authorization'] === authorization;
}

class Sha256 {
  private readonly hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as string | Uint8Array);
  }

  update(data: string | Uint8Array): void {
    this.hash.update(data);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.hash.digest()));
  }

  reset(): void {
    throw new Error('the signer makes a new hash every time');
  }
}
