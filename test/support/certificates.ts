/** Certificates and keys of tests; `certificates/make.sh` has made them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type CertificateName = 'server' | 'next' | 'admin' | 'nobody' | 'two-names' | 'stranger';

export function certificatePath(name: CertificateName | 'authority', kind: 'crt' | 'key'): string {
  return fileURLToPath(new URL(`certificates/${name}.${kind}`, import.meta.url));
}

/** As the options of TLS have them. */
export function certificate(name: CertificateName): { cert: string; key: string } {
  return {
    cert: readFileSync(certificatePath(name, 'crt'), 'utf8'),
    key: readFileSync(certificatePath(name, 'key'), 'utf8'),
  };
}

export const authority = readFileSync(certificatePath('authority', 'crt'), 'utf8');
