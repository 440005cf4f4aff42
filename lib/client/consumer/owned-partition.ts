/**
 * A partition from when it is assigned to the consumer until it is given up or lost; assigned again, it is another one.
 */
import { MillraceClientError } from '../errors.ts';
import type { TopicPartition } from './options.ts';

export class OwnedPartition {
  readonly topic: string;
  readonly partition: number;
  /**
   * `revoking`: nothing of it is handed out any more, and commits are taken until the application is done with it.
   * `ended`: it is the consumer's no longer.
   */
  state: 'open' | 'revoking' | 'ended' = 'open';
  /** The application knows of it. */
  told = false;
  paused = false;
  /** It is being read from the bucket, and polls leave it out. */
  direct = false;
  /** After the last record that the application was handed, … */
  handed: number | undefined;
  /** … and after the last that it is done with. */
  done: number | undefined;
  /** What of that the group has. */
  committed: number | undefined;
  /** Where to go on, until a poll has said so. */
  seekTo: number | undefined;
  /** What arrived before the last one is not to be handed out. */
  seeks = 0;

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
  }

  get name(): TopicPartition {
    return { topic: this.topic, partition: this.partition };
  }

  /** What is to be committed of it automatically. */
  get uncommitted(): number | undefined {
    return this.state === 'ended' || this.done === this.committed ? undefined : this.done;
  }

  seek(offset: number): void {
    this.seekTo = offset;
    this.seeks++;
    this.handed = offset;
    this.done = offset;
  }

  /**
   * The application has committed by itself: what it was handed up to there is done, also where it is still in hand.
   */
  noteCommitted(offset: number): void {
    this.committed = offset;
    if (this.handed !== undefined && offset <= this.handed && offset > (this.done ?? -1)) this.done = offset;
  }

  requireOwned(): void {
    if (this.state === 'ended') throw notAssigned(this);
  }
}

export function notAssigned({ topic, partition }: TopicPartition): MillraceClientError {
  const detail = `${topic} ${partition} is not, or no longer, assigned to this consumer`;
  return new MillraceClientError('PARTITION_NOT_ASSIGNED', detail, { retriable: false, effect: 'none' });
}
