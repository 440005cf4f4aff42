/** What a client shows of itself while TLS is agreed on: the common name of its certificate is the id of its key. */
import type { TLSSocket } from 'node:tls';

export type Shown =
  | { shown: 'nothing' }
  | { shown: 'id'; id: string }
  /** Not from one of the authorities, expired, or without one name. */
  | { shown: 'nonsense'; reason: string };

export function shownBy(socket: TLSSocket): Shown {
  const certificate = socket.getPeerCertificate();
  if (Object.keys(certificate).length === 0) return { shown: 'nothing' };
  if (!socket.authorized) {
    return { shown: 'nonsense', reason: `its certificate is not trusted (${String(socket.authorizationError)})` };
  }
  const id: unknown = certificate.subject.CN;
  // Several common names come as a list.
  if (typeof id !== 'string' || id === '') return { shown: 'nonsense', reason: 'its certificate has not one name' };
  return { shown: 'id', id };
}
