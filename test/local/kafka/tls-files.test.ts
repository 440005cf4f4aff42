import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { serverLimits } from '../../../lib/kernel/limits/server.ts';
import {
  type Certificates,
  doubtsOf,
  followCertificates,
  readCertificates,
} from '../../../lib/local/kafka/tls-files.ts';
import { OptionsError } from '../../../lib/local/settings.ts';
import { authority, type CertificateName, certificate, certificatePath } from '../../support/certificates.ts';
import { cleanUp, temporaryDirectory } from '../../support/local-process.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const following: AbortController[] = [];

afterEach(async () => {
  for (const controller of following.splice(0)) controller.abort();
  await cleanUp();
});

async function files(name: CertificateName = 'server') {
  const directory = await temporaryDirectory();
  const paths = { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key') };
  const put = async (other: CertificateName) => {
    await copyFile(certificatePath(other, 'key'), paths.key);
    await copyFile(certificatePath(other, 'crt'), paths.cert);
  };
  await put(name);
  return { paths, put };
}

/** What is applied and said from now on. */
async function follow(paths: { cert: string; key: string }) {
  const clock = new ManualClock();
  const applied: Certificates[] = [];
  const said: string[] = [];
  const log = {
    info: (message: string) => void said.push(message),
    warn: (message: string) => void said.push(message),
    error: (message: string, facts?: Record<string, unknown>) => void said.push(`${message}: ${String(facts?.reason)}`),
  };
  const controller = new AbortController();
  following.push(controller);
  const current = await readCertificates({ ...paths });
  const apply = (certificates: Certificates) => void applied.push(certificates);
  void followCertificates({ files: paths, current, apply, clock, log }, controller.signal);
  return { applied, said, look: () => clock.advance(serverLimits.certificateCheckMs) };
}

describe('certificate and key', () => {
  it('are read, with what is asked of clients where there are authorities for them', async () => {
    const { paths } = await files();
    expect(await readCertificates(paths)).toEqual(certificate('server'));
    expect(await readCertificates({ ...paths, clientCa: certificatePath('authority', 'crt') })).toMatchObject({
      ca: authority,
      requestCert: true,
    });
  });

  it('that cannot be read are refused with the flag and the reason', async () => {
    const { paths } = await files();
    const nowhere = readCertificates({ ...paths, key: '/nowhere' });
    await expect(nowhere).rejects.toThrow(OptionsError);
    await expect(nowhere).rejects.toThrow(
      '--kafka-tls-key names /nowhere, which cannot be read: there is no such file',
    );
    await expect(readCertificates({ ...paths, cert: tmpdir() })).rejects.toThrow('it is a directory');
  });

  it('that are not what they should be are refused with what they are', async () => {
    const { paths } = await files();
    const { cert, key } = paths;
    await expect(readCertificates({ cert: key, key: cert })).rejects.toThrow(
      `--kafka-tls-cert names a certificate (PEM), and ${key} holds a key`,
    );
    await expect(readCertificates({ cert, key: cert })).rejects.toThrow(`${cert} holds a certificate`);
    await expect(readCertificates({ ...paths, clientCa: key })).rejects.toThrow('--kafka-tls-client-ca');
    await copyFile(certificatePath('next', 'key'), key);
    await expect(readCertificates(paths)).rejects.toThrow('the key is that of another certificate');
    const locked = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' },
    });
    await writeFile(key, locked.privateKey);
    await expect(readCertificates(paths)).rejects.toThrow(`without passphrase, and ${key} has one`);
    await writeFile(cert, 'nonsense');
    await expect(readCertificates(paths)).rejects.toThrow(`${cert} holds none`);
  });

  it('are doubted where clients would refuse them', async () => {
    const certificates = certificate('server');
    const { validFromDate, validToDate } = new X509Certificate(certificates.cert);
    const on = validFromDate.getTime() + 1;
    expect(doubtsOf(certificates, ['localhost', '127.0.0.1'], on)).toEqual([]);
    expect(doubtsOf(certificates, ['localhost', '10.0.0.1', 'a.internal', 'a.internal'], on)).toEqual([
      expect.stringContaining('not for 10.0.0.1'),
      expect.stringContaining('not for a.internal'),
    ]);
    expect(doubtsOf(certificates, ['localhost'], validToDate.getTime() + 1)).toEqual([
      expect.stringContaining('was valid until'),
    ]);
  });

  it('are replaced when the files are', async () => {
    const { paths, put } = await files();
    const { applied, look } = await follow(paths);
    await put('next');
    await look();
    await vi.waitFor(() => expect(applied).toEqual([certificate('next')]));
  });

  it('are looked at at once on SIGHUP', async () => {
    const { paths, put } = await files();
    const { applied } = await follow(paths);
    await put('next');
    process.emit('SIGHUP');
    await vi.waitFor(() => expect(applied).toEqual([certificate('next')]));
  });

  it('stay while what is in the files cannot be used, which is said', async () => {
    const { paths, put } = await files();
    const { applied, said, look } = await follow(paths);
    await rm(paths.cert);
    await look();
    await vi.waitFor(() => expect(said).toHaveLength(1));
    expect(said[0]).toContain('cannot be read');
    await put('next');
    // The one that looks may still be on its way to the next wait.
    await vi.waitFor(async () => {
      await look();
      expect(applied).toEqual([certificate('next')]);
    });
    expect(said).toHaveLength(2);
  });
});
