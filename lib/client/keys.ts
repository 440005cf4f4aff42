/** API keys: `client.keys`. All of it needs `admin` without a topic prefix. */
import type { JsonKey, JsonKeyPage, JsonNewKey, Scope } from './api.ts';
import { JSON_TYPE, jsonOf, type Transport } from './transport.ts';

export type { Scope } from './api.ts';

export interface ApiKey {
  id: string;
  scopes: Scope[];
  /** The scopes hold for topics whose names begin so; for all where absent. */
  topicPrefix?: string;
  /** Milliseconds since the epoch. */
  createdAt: number;
}

export interface NewApiKey extends ApiKey {
  /** Shown this once, and never again. */
  secret: string;
}

export interface ApiKeyPage {
  keys: ApiKey[];
  /** The cursor of the next page; absent on the last. */
  next?: string;
}

export interface KeysClient {
  create(options: { scopes: readonly Scope[]; topicPrefix?: string }): Promise<NewApiKey>;
  /** One page, by id. Keys that were declared at the server's start are not among them. */
  list(options?: { limit?: number; cursor?: string }): Promise<ApiKeyPage>;
  /** Processes may take the key from memory for 5 seconds more. Throws `NOT_FOUND`. */
  delete(id: string): Promise<void>;
}

export function keysClient(send: Transport): KeysClient {
  return {
    async create({ scopes, topicPrefix }) {
      const body = JSON.stringify({ scopes, topic_prefix: topicPrefix });
      const headers = { 'content-type': JSON_TYPE };
      const key = jsonOf(await send({ method: 'POST', path: ['v1', 'keys'], headers, body })) as JsonNewKey;
      return { ...keyFrom(key), secret: key.secret };
    },
    async list({ limit, cursor } = {}) {
      const answer = await send({ method: 'GET', path: ['v1', 'keys'], query: { limit, cursor } });
      const { keys, next } = jsonOf(answer) as JsonKeyPage;
      return { keys: keys.map(keyFrom), ...(next === undefined ? {} : { next }) };
    },
    async delete(id) {
      await send({ method: 'DELETE', path: ['v1', 'keys', id] });
    },
  };
}

function keyFrom({ id, scopes, topic_prefix, created_at }: JsonKey): ApiKey {
  return { id, scopes, ...(topic_prefix !== undefined && { topicPrefix: topic_prefix }), createdAt: created_at };
}
