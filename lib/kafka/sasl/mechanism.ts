/** What a SASL mechanism is to the gateway: the server's side of one exchange with a client. */
import type { Principal } from '../../coordination/tenants/principal.ts';

/** Who a client has proved to be. */
export interface Identity {
  principal: Principal;
  /** Until when that is proved, in ms since the epoch; absent: for good. */
  expiresAtMs?: number;
  /**
   * Looks the principal up anew; `undefined` when its key is gone. Absent where nothing but its expiry can end the
   * identity.
   */
  now?: () => Promise<Principal | undefined>;
}

export type SaslStep =
  | { outcome: 'continues'; bytes: Uint8Array }
  | { outcome: 'proved'; bytes: Uint8Array; identity: Identity }
  /**
   * `message` is for the client and its log; without one it is told no more than that its credentials are not valid.
   */
  | { outcome: 'refused'; message?: string };

export interface SaslExchange {
  /**
   * Takes what the client says next. Not asked again after `proved` or `refused`. Throws where storage does not answer.
   */
  step(message: Uint8Array): Promise<SaslStep>;
}

/** By the names that clients ask for. */
export type Mechanisms = ReadonlyMap<string, () => SaslExchange>;
