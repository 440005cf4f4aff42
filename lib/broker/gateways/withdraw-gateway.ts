/**
 * Takes back what a gateway has said of itself, unless another process has said something under the same node id since.
 */
import { type Announcement, announcementKey } from '../../coordination/gateways/announcement.ts';
import type { Broker } from '../broker.ts';

export async function withdrawGateway(
  { metadata }: Pick<Broker, 'metadata'>,
  announcement: Pick<Announcement, 'process' | 'brokers'>,
): Promise<void> {
  const key = announcementKey(announcement);
  const isOwn = { clause: 'equals', attribute: 'x', value: announcement.process } as const;
  await metadata.write([{ kind: 'delete', key, conditions: [isOwn] }]);
}
