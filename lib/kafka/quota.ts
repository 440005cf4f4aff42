/**
 * Quotas, as Kafka applies them since KIP-219: who uses too much is answered, is told for how long it should be silent,
 * and is not listened to for that long. What too much is, a `Quota` decides.
 */
import type { Principal } from '../coordination/tenants/principal.ts';
import type { ApiName } from './generated/apis.ts';

export interface Quota {
  /**
   * For how many ms, from now on, the connection is not listened to; 0: not at all. Called once for each request that
   * is answered.
   */
  throttleMs(use: QuotaUse): number;
}

export interface QuotaUse {
  /** Absent where nobody is asked who they are. */
  principal?: Principal;
  clientId: string | null;
  api: ApiName;
  requestBytes: number;
  /** 0 for a request that is not answered. */
  responseBytes: number;
}
