/** Says that a gateway is there, for others over the same table; said anew every so often, or they take it for dead. */
import { type Announcement, announcementKey, encodeAnnouncement } from '../../coordination/gateways/announcement.ts';
import type { Broker } from '../broker.ts';

/** Where another process has the same node id, the one that says so last has it. */
export async function announceGateway(
  { metadata }: Pick<Broker, 'metadata'>,
  announcement: Announcement,
): Promise<void> {
  const key = announcementKey(announcement);
  await metadata.write([{ kind: 'put', key, attributes: encodeAnnouncement(announcement) }]);
}
