/** How many partitions topics have, as far as a producer knows: read when first needed, when old, and after errors. */
import type { Clock } from '../../kernel/clock.ts';
import { clientLimits } from '../../kernel/limits/client.ts';
import { MillraceClientError } from '../errors.ts';
import type { TopicDetails } from '../topics.ts';

export interface KnownTopic {
  partitions: number;
  /** The server stamps the records, whatever time they carry. */
  appendTime: boolean;
}

interface Entry {
  topic?: KnownTopic;
  /** By the monotonic clock. */
  readAtMs: number;
  reading?: Promise<KnownTopic>;
  /** The server has said since that there is no such topic. */
  gone: boolean;
}

export interface KnownTopicsOptions {
  describe: (name: string, signal: AbortSignal) => Promise<TopicDetails>;
  clock: Clock;
  ageMsMax: number;
  /** How long reading may take, all attempts together. */
  readMsMax: number;
}

export class KnownTopics {
  private readonly options: KnownTopicsOptions;
  private readonly entries = new Map<string, Entry>();

  constructor(options: KnownTopicsOptions) {
    this.options = options;
  }

  /** What can be used at once; `undefined`: read it. Reads beside it what has become old. */
  current(name: string): KnownTopic | undefined {
    const entry = this.entries.get(name);
    if (entry?.topic === undefined || entry.gone) return undefined;
    if (this.options.clock.monotonic() - entry.readAtMs > this.options.ageMsMax) {
      // What fails here is not needed yet; the next send tries again.
      this.read(name).catch(() => {});
    }
    return entry.topic;
  }

  /** What was last known, of a topic that was read once. */
  last(name: string): KnownTopic | undefined {
    return this.entries.get(name)?.topic;
  }

  /** Throws what the server says, such as that there is no such topic. */
  read(name: string): Promise<KnownTopic> {
    const entry = this.entries.get(name) ?? { readAtMs: 0, gone: false };
    this.entries.set(name, entry);
    entry.reading ??= this.readInto(name, entry).finally(() => {
      entry.reading = undefined;
    });
    return entry.reading;
  }

  /** After an error that a newer view may explain: what is known, read again unless that was just done. */
  async refreshed(name: string): Promise<KnownTopic | undefined> {
    const entry = this.entries.get(name);
    const ageMs = this.options.clock.monotonic() - (entry?.readAtMs ?? 0);
    if (entry?.topic !== undefined && !entry.gone && ageMs < clientLimits.clientTopicRefreshMsMin) return entry.topic;
    return this.read(name);
  }

  private async readInto(name: string, entry: Entry): Promise<KnownTopic> {
    const { describe, clock, readMsMax } = this.options;
    const [late, ended] = [new AbortController(), new AbortController()];
    void clock.sleep(readMsMax, ended.signal).then(() => {
      const detail = `topic "${name}" could not be described in ${readMsMax} ms`;
      late.abort(new MillraceClientError('NETWORK_ERROR', detail, { retriable: true, effect: 'none' }));
    });
    try {
      const { partitions, config } = await describe(name, late.signal);
      entry.topic = { partitions, appendTime: config['message.timestamp.type'] === 'LogAppendTime' };
      entry.gone = false;
      return entry.topic;
    } catch (error) {
      if (error instanceof MillraceClientError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') entry.gone = true;
      throw error;
    } finally {
      entry.readAtMs = clock.monotonic();
      ended.abort(null);
    }
  }
}
