/**
 * Erasures, which take a subject's records out of topics: `client.erasures`. All of it needs `admin` without a topic
 * prefix.
 */
import { toBase64 } from './base64.ts';
import { camelCased, snakeCased } from './names.ts';
import { JSON_TYPE, jsonOf, type Transport } from './transport.ts';

/**
 * `running`: it is being merged and rewritten. `waiting`: readers are not given the records any more, and what is left
 * of them is deleted when nobody can be reading it. `done`: it is gone.
 */
export type ErasureState = 'running' | 'waiting' | 'done';

/** With one of `topics` and `topicPattern`, and one of `key` and `header`. */
export interface CreateErasureOptions {
  topics?: readonly string[];
  /** RE2; it must match the whole name. */
  topicPattern?: string;
  /** Records with this key. Text as UTF-8. */
  key?: string | Uint8Array;
  /** Records with this header, whatever others they have. */
  header?: { key: string; value: string | Uint8Array };
}

export interface ErasureSummary {
  id: string;
  state: ErasureState;
  topics?: string[];
  topicPattern?: string;
  /** By what; never whom. */
  match: { kind: 'key' } | { kind: 'header'; header: string };
  /** Milliseconds since the epoch, as all times here. */
  createdAt: number;
  /** While it waits: not before this. */
  completeAfter?: number;
  completedAt?: number;
  objectsDeleted: number;
}

export interface ErasedPartition {
  topic: string;
  partition: number;
  /** Records below were looked for; later ones are not its concern. */
  endOffset: number;
  /** It has come this far. */
  erasedOffset: number;
  recordsRemoved: number;
  segmentsRewritten: number;
}

export interface ErasureDetails extends ErasureSummary {
  recordsRemoved: number;
  segmentsRewritten: number;
  /** What keeps it from its end, as sentences. */
  problems: string[];
  partitions: ErasedPartition[];
}

export interface ErasurePage {
  erasures: ErasureSummary[];
  /** The cursor of the next page; absent on the last. */
  next?: string;
}

export interface ErasuresClient {
  /** Resolves when it is kept: of all records that are there by then. Asked for twice, it is two that do no harm. */
  create(options: CreateErasureOptions): Promise<ErasureDetails>;
  /** One page, the oldest first. */
  list(options?: { limit?: number; cursor?: string }): Promise<ErasurePage>;
  /** Throws `NOT_FOUND`. */
  describe(id: string): Promise<ErasureDetails>;
  /** Forgets it; one that is not done is given up. Throws `NOT_FOUND`. */
  delete(id: string): Promise<void>;
}

const PATH = ['v1', 'erasures'];

export function erasuresClient(send: Transport): ErasuresClient {
  return {
    async create({ key, header, ...topics }) {
      const body = JSON.stringify({
        ...snakeCased(topics),
        ...(key !== undefined && contentOf('key', key)),
        ...(header !== undefined && { header: { key: header.key, ...contentOf('value', header.value) } }),
      });
      const headers = { 'content-type': JSON_TYPE };
      return camelCased(jsonOf(await send({ method: 'POST', path: PATH, headers, body }))) as ErasureDetails;
    },
    async list({ limit, cursor } = {}) {
      return camelCased(jsonOf(await send({ method: 'GET', path: PATH, query: { limit, cursor } }))) as ErasurePage;
    },
    async describe(id) {
      return camelCased(jsonOf(await send({ method: 'GET', path: [...PATH, id] }))) as ErasureDetails;
    },
    async delete(id) {
      await send({ method: 'DELETE', path: [...PATH, id] });
    },
  };
}

function contentOf(name: string, content: string | Uint8Array): Record<string, string> {
  return typeof content === 'string' ? { [name]: content } : { [`${name}_base64`]: toBase64(content) };
}
