/** What gateways have said of themselves. Whether they are still there, their beats tell. */
import { type Announcement, decodeAnnouncement, GATEWAYS } from '../../coordination/gateways/announcement.ts';
import { kafkaLimits } from '../../kernel/limits/kafka.ts';
import type { Broker } from '../broker.ts';

/** Eventually consistent: who looks again and again need not see the newest each time. */
export async function listGateways({ metadata }: Pick<Broker, 'metadata'>): Promise<Announcement[]> {
  const found: Announcement[] = [];
  let from: string | undefined;
  do {
    const limit = kafkaLimits.kafkaGatewaysMax - found.length;
    const page = await metadata.query({
      pk: GATEWAYS,
      ...(from !== undefined && { from }),
      limit,
      consistency: 'eventual',
    });
    found.push(...page.items.map(({ attributes }) => decodeAnnouncement(attributes)));
    from = page.next;
  } while (from !== undefined && found.length < kafkaLimits.kafkaGatewaysMax);
  return found;
}
