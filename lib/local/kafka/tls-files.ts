/**
 * Certificate and key of the Kafka gateway, as files that are replaced while it runs: looked at every few seconds, and
 * at once on SIGHUP. New connections get the new ones; those that are there go on. What cannot be used is said, once,
 * and the old ones stay.
 */
import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { createSecureContext, type TlsOptions } from 'node:tls';
import type { Clock } from '../../kernel/clock.ts';
import { serverLimits } from '../../kernel/limits/server.ts';
import type { Logger } from '../logger.ts';
import { OptionsError } from '../settings.ts';

export interface TlsFiles {
  cert: string;
  key: string;
  /** Of the authorities whose certificates say who a client is. */
  clientCa?: string;
}

export interface Certificates extends Pick<TlsOptions, 'requestCert' | 'rejectUnauthorized' | 'secureOptions'> {
  cert: string;
  key: string;
  ca?: string;
}

/** Throws `OptionsError` for files that cannot be read, or used together. */
export async function readCertificates({ cert, key, clientCa }: TlsFiles): Promise<Certificates> {
  const certificates: Certificates = {
    cert: await read('--kafka-tls-cert', cert),
    key: await read('--kafka-tls-key', key),
  };
  const certificate = certificateIn('--kafka-tls-cert', cert, certificates.cert);
  if (!certificate.checkPrivateKey(keyIn(key, certificates.key))) {
    throw new OptionsError(`${cert} and ${key} are no certificate and its key: the key is that of another certificate`);
  }
  if (clientCa !== undefined) {
    certificates.ca = await read('--kafka-tls-client-ca', clientCa);
    certificateIn('--kafka-tls-client-ca', clientCa, certificates.ca);
    certificates.requestCert = true;
    // Who shows none can prove who it is by SASL; the gateway closes the connections of those who show a wrong one.
    certificates.rejectUnauthorized = false;
    // A resumed session would not be checked against authorities that were replaced meanwhile.
    certificates.secureOptions = constants.SSL_OP_NO_TICKET;
  }
  try {
    createSecureContext(certificates);
  } catch (error) {
    throw new OptionsError(`${cert} and ${key} are no certificate and its key: ${(error as Error).message}`);
  }
  return certificates;
}

/** Why clients would refuse the certificate, in sentences: they are told to connect to these hosts. */
export function doubtsOf({ cert }: Certificates, hosts: readonly string[], nowMs: number): string[] {
  const certificate = new X509Certificate(cert);
  const isFor = (host: string) => (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host));
  const others = [...new Set(hosts)].filter((host) => isFor(host) === undefined);
  const doubts = others.map(
    (host) =>
      `The certificate is not for ${host}, where clients are told to connect, and they will refuse it: say another name by --kafka-advertised, or have it in the certificate`,
  );
  if (certificate.validToDate.getTime() < nowMs) doubts.push(`The certificate was valid until ${certificate.validTo}`);
  return doubts;
}

function certificateIn(flag: string, path: string, text: string): X509Certificate {
  try {
    return new X509Certificate(text);
  } catch {
    const what = text.includes('PRIVATE KEY-----') ? 'holds a key' : 'holds none';
    throw new OptionsError(`${flag} names a certificate (PEM), and ${path} ${what}`);
  }
}

function keyIn(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    const other = text.includes('BEGIN CERTIFICATE-----') ? 'holds a certificate' : 'holds none';
    const what = text.includes('ENCRYPTED') ? 'has one' : other;
    throw new OptionsError(`--kafka-tls-key names a key (PEM) without passphrase, and ${path} ${what}`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not',
  EISDIR: 'it is a directory',
};

async function read(flag: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new OptionsError(`${flag} names ${path}, which cannot be read: ${REASONS[code] ?? message}`);
  }
}

export interface Following {
  files: TlsFiles;
  /** What is in use. */
  current: Certificates;
  apply: (certificates: Certificates) => void;
  clock: Clock;
  log: Logger;
}

/** Resolves after `signal`. */
export async function followCertificates(following: Following, signal: AbortSignal): Promise<void> {
  const { clock } = following;
  let { current } = following;
  let said = '';
  let wake = new AbortController();
  const onHangUp = () => wake.abort();
  process.on('SIGHUP', onHangUp);
  while (!signal.aborted) {
    await clock.sleep(serverLimits.certificateCheckMs, AbortSignal.any([signal, wake.signal]));
    if (signal.aborted) break;
    wake = new AbortController();
    const outcome = await replaced(following, current);
    if ('reason' in outcome && outcome.reason !== said) {
      following.log.error('the certificate is not replaced', { reason: outcome.reason });
    }
    said = 'reason' in outcome ? outcome.reason : '';
    if ('current' in outcome) ({ current } = outcome);
  }
  process.off('SIGHUP', onHangUp);
}

async function replaced(
  { files, apply, log }: Following,
  current: Certificates,
): Promise<{ current: Certificates } | { reason: string }> {
  try {
    const found = await readCertificates(files);
    if (found.cert === current.cert && found.key === current.key && found.ca === current.ca) return { current };
    apply(found);
    log.info('the certificate is replaced', { file: files.cert });
    return { current: found };
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    return { reason: error.message };
  }
}
